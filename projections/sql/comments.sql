-- What a reader of the tables sees in duckdb_tables() and duckdb_columns().

COMMENT ON TABLE layout IS 'Which version of the tables this file has, and the topic that it was made from.';
COMMENT ON TABLE positions IS 'How far each partition of the topic was read, and the claim that stands there.';
COMMENT ON COLUMN positions.next_offset IS 'Offset of the next record to read.';
COMMENT ON COLUMN positions.log IS 'Name of the log, from its newest claim.';
COMMENT ON COLUMN positions.n IS 'Valid records since the claim.';

COMMENT ON TABLE events IS 'Every record of workflow.events, void ones too.';
COMMENT ON COLUMN events.seq IS 'Place among the events of its run, from 1; 0: a fact that is no part of the run''s state.';
COMMENT ON COLUMN events.kind IS 'Name of the record (StepSucceeded …); unreadable: no record of ours, void.';
COMMENT ON COLUMN events.happened_at IS 'UTC.';
COMMENT ON COLUMN events.cause_offset IS 'Offset of the command or outcome in its topic; -1 for other causes.';
COMMENT ON COLUMN events.valid IS 'Whether it counts: written by the owner whose claim stood. Void records changed nothing.';
COMMENT ON COLUMN events.body IS 'The record''s own fields. Bytes that are no JSON document: {"base64": …}.';

COMMENT ON TABLE runs IS 'One row a run.';
COMMENT ON COLUMN runs.incarnation IS 'Microseconds since 1970 of its acceptance: tells runs apart that used the same id.';
COMMENT ON COLUMN runs.definition IS 'Hash of the workflow''s published text.';
COMMENT ON COLUMN runs.state IS 'As status, without regard to quarantine.';
COMMENT ON COLUMN runs.status IS 'accepted, running, succeeded, failed, cancelled, refused, quarantined.';
COMMENT ON COLUMN runs.accepted_at IS 'UTC; only if it had to wait before it started.';
COMMENT ON COLUMN runs.started_at IS 'UTC.';
COMMENT ON COLUMN runs.ended_at IS 'UTC; NULL while it is under way.';
COMMENT ON COLUMN runs.deadline_at IS 'UTC.';
COMMENT ON COLUMN runs.last_event_at IS 'UTC; time of its newest event.';
COMMENT ON COLUMN runs.outputs_ref IS 'Where outputs stand that are too big for an event.';
COMMENT ON COLUMN runs.budget_nanousd IS 'Billionths of a US dollar.';
COMMENT ON COLUMN runs.error_class IS 'Class of the failure, or the reason of the refusal.';
COMMENT ON COLUMN runs.error_path IS 'Path of the step that failed the run.';
COMMENT ON COLUMN runs.attempts IS 'Number of attempts scheduled, all steps together.';
COMMENT ON COLUMN runs.events IS 'Number of its events.';

COMMENT ON TABLE steps IS 'One row a step of a run; a step in a loop or a list has one row each time.';
COMMENT ON COLUMN steps.path IS 'Place in the run: review[17]/one.';
COMMENT ON COLUMN steps.step IS 'Id in the workflow''s text.';
COMMENT ON COLUMN steps.kind IS 'model, tool, http, wait, parallel …; NULL where no event names it (transform).';
COMMENT ON COLUMN steps.status IS 'scheduled, waiting, running (inner steps), retrying, succeeded, failed, skipped, cancelled.';
COMMENT ON COLUMN steps.attempts IS 'Number of the newest attempt; NULL for a step that needs no executor.';
COMMENT ON COLUMN steps.tries IS 'Passes through the model chain, as the retry policy counts.';
COMMENT ON COLUMN steps.target IS 'Model, tool or workflow of the newest attempt; the signal, or those, that it waits for.';
COMMENT ON COLUMN steps.scheduled_at IS 'UTC; its first event.';
COMMENT ON COLUMN steps.started_at IS 'UTC; start of the first attempt that began.';
COMMENT ON COLUMN steps.last_ended_at IS 'UTC; end of the newest attempt, even if another follows.';
COMMENT ON COLUMN steps.ended_at IS 'UTC; NULL while it is under way.';
COMMENT ON COLUMN steps.waits_until IS 'UTC.';
COMMENT ON COLUMN steps.output_ref IS 'Where an output stands that is too big for an event.';
COMMENT ON COLUMN steps.last_error_class IS 'Of the newest failed attempt, even if a later one succeeded.';
COMMENT ON COLUMN steps.error_class IS 'Why it failed for good.';

COMMENT ON COLUMN steps.child_run IS 'Id of the newest run that the step started.';

COMMENT ON TABLE approvals IS 'One row an `approve` step: who is asked what, and who answered.';
COMMENT ON COLUMN approvals.asked IS 'Who may answer, as a list.';
COMMENT ON COLUMN approvals.asked_value IS 'What is under review.';
COMMENT ON COLUMN approvals.asked_at IS 'UTC.';
COMMENT ON COLUMN approvals.waits_until IS 'UTC; NULL: without an end.';
COMMENT ON COLUMN approvals.answered_at IS 'UTC; NULL: nobody answered.';
COMMENT ON COLUMN approvals.answered_by IS 'NULL with an answer: its time ran out, and `on_timeout` is deny.';
COMMENT ON COLUMN approvals.answered_as IS 'For whom of those who may answer.';
COMMENT ON COLUMN approvals.answer_value IS 'What was under review, or what the answer put in its place.';

COMMENT ON TABLE signals IS 'One row a signal that a run was told.';
COMMENT ON COLUMN signals.received_at IS 'UTC.';

COMMENT ON TABLE attempts IS 'One row an attempt of a step.';
COMMENT ON COLUMN attempts.attempt IS 'From 1.';
COMMENT ON COLUMN attempts.tries IS 'Passes through the model chain, as the retry policy counts.';
COMMENT ON COLUMN attempts.status IS 'scheduled, succeeded, failed, released (given back, not begun), cancelled, unsure (nobody knows whether it did its work, or was billed).';
COMMENT ON COLUMN attempts.resolution IS 'Of an unsure one, what was decided: retry, fail, succeed.';
COMMENT ON COLUMN attempts.resolved_by IS 'Who decided it.';
COMMENT ON COLUMN attempts.ending IS 'As status; NULL while it is under way.';
COMMENT ON COLUMN attempts.scheduled_at IS 'UTC.';
COMMENT ON COLUMN attempts.started_at IS 'UTC, by its worker''s clock; NULL if it never reported.';
COMMENT ON COLUMN attempts.ended_at IS 'UTC, by its worker''s clock, else when the end was decided.';
COMMENT ON COLUMN attempts.retry_at IS 'UTC; when the next attempt is to follow.';

COMMENT ON TABLE model_calls IS 'One row a call to a model, as billed; calls of outcomes that came too late are here too.';
COMMENT ON COLUMN model_calls.call IS 'Place among the calls of its attempt, from 1.';
COMMENT ON COLUMN model_calls.input_tokens IS 'Tokens, cached ones included.';
COMMENT ON COLUMN model_calls.output_tokens IS 'Tokens, thinking included.';
COMMENT ON COLUMN model_calls.cache_read_tokens IS 'Tokens, part of input_tokens.';
COMMENT ON COLUMN model_calls.cache_write_tokens IS 'Tokens, part of input_tokens.';
COMMENT ON COLUMN model_calls.thinking_tokens IS 'Tokens, part of output_tokens.';
COMMENT ON COLUMN model_calls.cost_nanousd IS 'Billionths of a US dollar, as counted at the call; NULL: no price was known.';
COMMENT ON COLUMN model_calls.happened_at IS 'UTC; time of the event that told of it.';
COMMENT ON COLUMN model_calls.started_at IS 'UTC, by its worker''s clock.';
COMMENT ON COLUMN model_calls.first_token_at IS 'UTC, by its worker''s clock.';
COMMENT ON COLUMN model_calls.ended_at IS 'UTC, by its worker''s clock.';
COMMENT ON COLUMN model_calls.ignored IS 'Its outcome changed nothing in the run; its cost counts.';
COMMENT ON COLUMN model_calls.raw IS 'Usage as the provider reported it.';

COMMENT ON TABLE refusals IS 'Commands and inputs that changed nothing, and why.';
COMMENT ON COLUMN refusals.kind IS 'CommandRefused, RunRefused, InputRejected.';
COMMENT ON COLUMN refusals.refused_at IS 'UTC.';
COMMENT ON COLUMN refusals.size IS 'Bytes of the input that could not be read.';
COMMENT ON COLUMN refusals.deadletter IS 'Offset of the original bytes in workflow.deadletters.';

COMMENT ON TABLE quarantine IS 'Runs that were set aside because deciding or folding failed.';
COMMENT ON COLUMN quarantine.first_offset IS 'Offset of the run''s first record.';
COMMENT ON COLUMN quarantine.quarantined_at IS 'UTC; the newest time.';
COMMENT ON COLUMN quarantine.released_at IS 'UTC; the newest time.';
COMMENT ON COLUMN quarantine.held IS 'Messages that were kept for it.';

COMMENT ON TABLE prices IS 'List prices of the models seen: US dollars a million tokens.';
COMMENT ON COLUMN prices.effective_from IS 'UTC; in force until a later row of the model.';
COMMENT ON COLUMN prices.above_input_tokens IS 'In force for calls with more input tokens than this; -1: all.';
COMMENT ON COLUMN prices.input_usd IS 'US dollars a million input tokens that were not cached.';
COMMENT ON COLUMN prices.cache_read_usd IS 'US dollars a million tokens.';
COMMENT ON COLUMN prices.cache_write_usd IS 'US dollars a million tokens; of the shortest cache lifetime.';
COMMENT ON COLUMN prices.output_usd IS 'US dollars a million tokens.';
COMMENT ON COLUMN prices.listed_as IS 'Name of the model in the price list.';
