"""The faults that the server knows: what a provider, or the way to it, can do wrong."""

#: Answered with an error. The first eight are named as the classes that they belong to.
ERRORS = {
    "rate_limited": "too many requests; with `retry_after` it says how long to wait",
    "overloaded": "too much to do for everybody",
    "unavailable": "an error of its own (500)",
    "timeout": "it gave up (408)",
    "budget": "the account has spent what it may",
    "auth": "no valid key (401)",
    "fatal": "an invalid request (400)",
    "refused": "an answer that is none, for safety; it is billed",
    "malformed": "an answer without any text; it is billed",
    "payment": "payment required (402)",
    "forbidden": "a key that may not do this (403)",
    "bad_key": "a key that is none, in the provider's own way of saying it",
    "not_found": "no such model (404)",
    "too_large": "a request that is too large (413)",
    "away": "service unavailable (503)",
    "gateway_timeout": "something before it gave up (504)",
}
#: Answered, and billed, but not as one hopes.
ANSWERS = {
    "blocked": "the prompt is not let in",
    "window": "the context window is full",
    "empty_candidates": "nothing to choose from",
    "bad_call": "a call of a tool that nobody can read",
    "unfinished": "wants to be asked again to go on",
    "novelty": "a kind of content that nobody knows yet, before the text",
}
#: What goes wrong with HTTP itself, or on the way.
TRANSPORT = {
    "hang": "never answers",
    "drop": "closes the connection without a word",
    "cut": "closes it in the middle of the answer",
    "slow": "sends the answer in pieces, with pauses",
    "truncated": "half of the JSON, and a correct end",
    "html": "a web page with status 200",
    "bad_gateway": "a web page with status 502",
    "list": "JSON that is no object",
    "strange": "JSON of another shape",
}
#: What goes wrong within a stream; a request that is not streamed gets the like of it.
STREAM = {
    "stream_error": "an error after the first words",
    "stream_cut": "the connection ends after the first words",
    "stream_end": "the stream ends properly after the first words, but the answer does not",
    "stream_bad": "a piece that is no JSON",
}
FAULTS = ERRORS | ANSWERS | TRANSPORT | STREAM
