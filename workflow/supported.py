"""What this version can run; everything else of the language is read, checked and refused at publish."""

SUPPORTED_KINDS = frozenset(
    {
        "model",
        "tool",
        "transform",
        "http",
        "wait",
        "approve",
        "workflow",
        "publish",
        "parallel",
        "each",
        "loop",
        "switch",
    }
)

SUPPORTED_STEP_KEYS = frozenset(
    {
        *("id", "description", "when", "needs", "timeout", "deadline", "retry", "on_error", "on_timeout"),
        *("idempotent", "on_unknown", "queue", "priority", "as", "at_most", "failed", "steps"),
        *("with", "output", "model", "system", "prompt", "messages", "max_tokens", "temperature", "top_p", "stop"),
        *("attach", "continue", "thinking", "effort", "prompt_cache"),
        *SUPPORTED_KINDS,
    }
)

SUPPORTED_WORKFLOW_KEYS = frozenset(
    {"name", "description", "inputs", "secrets", "deadline", "defaults", "labels", "steps", "outputs"}
)

SUPPORTED_DEFAULTS = frozenset(
    {
        *("model", "timeout", "deadline", "retry", "queue", "priority"),
        *("max_tokens", "temperature", "top_p", "thinking", "effort", "prompt_cache"),
    }
)
