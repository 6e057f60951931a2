-- What the projector writes. Every time is UTC with microseconds; a value that is not known is NULL.
-- No table has a PRIMARY KEY: the projector merges by key in transactions that hold its positions, so no row comes twice,
-- and an index of that size would double the file and live in memory.
-- Raise `VERSION` in store.py when a table here changes or its rows change their meaning: the file is then built anew.

CREATE TABLE layout (
    version INTEGER NOT NULL,
    topic VARCHAR NOT NULL
);

CREATE TABLE positions (
    partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    log BIGINT,
    epoch BIGINT NOT NULL,
    owner VARCHAR NOT NULL,
    n BIGINT NOT NULL
);

CREATE TABLE events (
    partition INTEGER NOT NULL,
    kafka_offset BIGINT NOT NULL,
    run_id VARCHAR,
    seq BIGINT,
    epoch BIGINT,
    owner VARCHAR,
    n BIGINT,
    kind VARCHAR NOT NULL,
    happened_at TIMESTAMP,
    cause_kind VARCHAR,
    cause_log BIGINT,
    cause_offset BIGINT,
    cause_id VARCHAR,
    valid BOOLEAN NOT NULL,
    body JSON
);

CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    incarnation BIGINT NOT NULL,
    partition INTEGER,
    workflow VARCHAR,
    version BIGINT,
    definition VARCHAR,
    command_id VARCHAR,
    state VARCHAR,
    quarantined BOOLEAN,
    status VARCHAR GENERATED ALWAYS AS (CASE WHEN quarantined THEN 'quarantined' ELSE state END) VIRTUAL,
    accepted_at TIMESTAMP,
    started_at TIMESTAMP,
    ended_at TIMESTAMP,
    deadline_at TIMESTAMP,
    last_event_at TIMESTAMP,
    inputs JSON,
    outputs JSON,
    outputs_ref VARCHAR,
    settings JSON,
    labels JSON,
    budget_nanousd BIGINT,
    parent_run VARCHAR,
    parent_step VARCHAR,
    traceparent VARCHAR,
    error_class VARCHAR,
    error_message VARCHAR,
    error_path VARCHAR,
    attempts BIGINT NOT NULL DEFAULT 0,
    events BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE steps (
    run_id VARCHAR NOT NULL,
    incarnation BIGINT NOT NULL,
    path VARCHAR NOT NULL,
    step VARCHAR,
    kind VARCHAR,
    status VARCHAR,
    attempts BIGINT,
    tries BIGINT,
    worker VARCHAR,
    target VARCHAR,
    queue VARCHAR,
    child_run VARCHAR,
    scheduled_at TIMESTAMP,
    started_at TIMESTAMP,
    last_ended_at TIMESTAMP,
    ended_at TIMESTAMP GENERATED ALWAYS AS (
        CASE WHEN status IN ('succeeded', 'failed', 'skipped', 'cancelled') THEN last_ended_at END
    ) VIRTUAL,
    waits_until TIMESTAMP,
    output JSON,
    output_ref VARCHAR,
    last_error_class VARCHAR,
    last_error_message VARCHAR,
    error_class VARCHAR GENERATED ALWAYS AS (CASE WHEN status = 'failed' THEN last_error_class END) VIRTUAL,
    error_message VARCHAR GENERATED ALWAYS AS (CASE WHEN status = 'failed' THEN last_error_message END) VIRTUAL
);

CREATE TABLE attempts (
    run_id VARCHAR NOT NULL,
    incarnation BIGINT NOT NULL,
    path VARCHAR NOT NULL,
    attempt BIGINT NOT NULL,
    worker VARCHAR,
    target VARCHAR,
    tries BIGINT,
    ending VARCHAR,
    status VARCHAR GENERATED ALWAYS AS (coalesce(ending, 'scheduled')) VIRTUAL,
    scheduled_at TIMESTAMP,
    started_at TIMESTAMP,
    ended_at TIMESTAMP,
    retry_at TIMESTAMP,
    error_class VARCHAR,
    error_message VARCHAR,
    error_detail JSON,
    resolution VARCHAR,
    resolved_by VARCHAR
);

CREATE TABLE model_calls (
    run_id VARCHAR NOT NULL,
    incarnation BIGINT NOT NULL,
    path VARCHAR NOT NULL,
    attempt BIGINT NOT NULL,
    worker VARCHAR NOT NULL,
    call INTEGER NOT NULL,
    provider VARCHAR,
    model VARCHAR,
    response_model VARCHAR,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    thinking_tokens BIGINT,
    cost_nanousd BIGINT,
    happened_at TIMESTAMP,
    started_at TIMESTAMP,
    first_token_at TIMESTAMP,
    ended_at TIMESTAMP,
    stop VARCHAR,
    request_id VARCHAR,
    error_class VARCHAR,
    ignored BOOLEAN,
    raw JSON
);

CREATE TABLE approvals (
    run_id VARCHAR NOT NULL,
    incarnation BIGINT NOT NULL,
    path VARCHAR NOT NULL,
    asked JSON,
    prompt VARCHAR,
    asked_value JSON,
    asked_at TIMESTAMP,
    waits_until TIMESTAMP,
    answered_at TIMESTAMP,
    approved BOOLEAN,
    answered_by VARCHAR,
    answered_as VARCHAR,
    reason VARCHAR,
    answer_value JSON
);

CREATE TABLE signals (
    partition INTEGER NOT NULL,
    kafka_offset BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    incarnation BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    value JSON,
    sent_by VARCHAR,
    received_at TIMESTAMP
);

CREATE TABLE refusals (
    partition INTEGER NOT NULL,
    kafka_offset BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    refused_at TIMESTAMP,
    run_id VARCHAR,
    command VARCHAR,
    command_id VARCHAR,
    reason VARCHAR,
    message VARCHAR,
    topic VARCHAR,
    size BIGINT,
    deadletter BIGINT
);

CREATE TABLE quarantine (
    run_id VARCHAR NOT NULL,
    incarnation BIGINT NOT NULL,
    reason VARCHAR,
    traceback VARCHAR,
    first_offset BIGINT,
    quarantined_at TIMESTAMP,
    released_at TIMESTAMP,
    still_set_aside BOOLEAN,
    held BIGINT NOT NULL DEFAULT 0,
    times BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE prices (
    provider VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    effective_from TIMESTAMP NOT NULL,
    above_input_tokens BIGINT NOT NULL,
    input_usd DECIMAL(18, 6),
    cache_read_usd DECIMAL(18, 6),
    cache_write_usd DECIMAL(18, 6),
    output_usd DECIMAL(18, 6),
    listed_as VARCHAR NOT NULL,
    source VARCHAR NOT NULL
);
