-- The questions that the console asks, by name. Parameters are named ($limit).

-- name: list_runs
-- The newest runs first; starts that were refused before they became a run are here too.
WITH all_runs AS (
    SELECT run_id, incarnation, workflow, version, status, coalesce(accepted_at, started_at) AS asked_at,
           started_at, ended_at, error_class, error_message, labels
    FROM runs
    UNION ALL
    SELECT run_id, NULL, NULL, NULL, 'refused', refused_at, NULL, refused_at, reason, message, NULL
    FROM refusals
    WHERE kind = 'CommandRefused' AND command = 'StartRun' AND reason <> 'duplicate'
), chosen AS (
    SELECT * FROM all_runs
    WHERE ($workflow IS NULL OR workflow = $workflow) AND ($status IS NULL OR status = $status)
    ORDER BY asked_at DESC NULLS LAST, run_id LIMIT $limit
), counted AS (
    SELECT run_id, incarnation, count(*) AS steps,
           count(*) FILTER (status IN ('succeeded', 'failed', 'skipped', 'cancelled')) AS steps_ended
    FROM steps SEMI JOIN chosen USING (run_id, incarnation) GROUP BY ALL
), spent AS (
    SELECT run_id, incarnation, count(*) AS calls, CAST(sum(input_tokens + output_tokens) AS BIGINT) AS tokens,
           sum(usd) AS usd, count(*) FILTER (unpriced) AS unpriced
    FROM priced_calls SEMI JOIN chosen USING (run_id, incarnation) GROUP BY ALL
)
SELECT
    chosen.run_id, incarnation, workflow, version, status, asked_at, started_at, ended_at,
    coalesce(steps, 0) AS steps, coalesce(steps_ended, 0) AS steps_ended, coalesce(calls, 0) AS calls,
    coalesce(tokens, 0) AS tokens, CASE WHEN calls IS NULL THEN CAST(0 AS DECIMAL(38, 9)) ELSE usd END AS usd,
    coalesce(unpriced, 0) AS unpriced, error_class, error_message, labels
FROM chosen LEFT JOIN counted USING (run_id, incarnation) LEFT JOIN spent USING (run_id, incarnation)
ORDER BY asked_at DESC NULLS LAST, run_id;

-- name: show_run
SELECT
    run_id, incarnation, partition, workflow, version, definition, status, accepted_at, started_at, ended_at,
    deadline_at, last_event_at, inputs, outputs, labels, parent_run, parent_step, error_class, error_message,
    error_path, attempts, events
FROM runs
WHERE run_id = $run_id AND ($incarnation IS NULL OR incarnation = $incarnation)
ORDER BY incarnation DESC LIMIT 1;

-- name: steps_of_run
WITH spent AS (
    SELECT path, count(*) AS calls, CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
           CAST(sum(output_tokens) AS BIGINT) AS output_tokens, sum(usd) AS usd, count(*) FILTER (unpriced) AS unpriced
    FROM priced_calls WHERE run_id = $run_id AND incarnation = $incarnation GROUP BY path
)
SELECT
    path, step, kind, status, attempts, tries, worker, target, queue, child_run, scheduled_at, started_at, ended_at, waits_until,
    output, error_class, error_message, last_error_class, last_error_message,
    coalesce(calls, 0) AS calls, coalesce(input_tokens, 0) AS input_tokens, coalesce(output_tokens, 0) AS output_tokens,
    CASE WHEN calls IS NULL THEN CAST(0 AS DECIMAL(38, 9)) ELSE usd END AS usd, coalesce(unpriced, 0) AS unpriced
FROM steps LEFT JOIN spent USING (path)
WHERE run_id = $run_id AND incarnation = $incarnation
ORDER BY scheduled_at, path;

-- name: attempts_of_run
SELECT path, attempt, worker, target, tries, status, scheduled_at, started_at, ended_at, retry_at, error_class,
       error_message
FROM attempts WHERE run_id = $run_id AND incarnation = $incarnation
ORDER BY path, attempt;

-- name: calls_of_run
SELECT path, attempt, call, provider, model, response_model, input_tokens, output_tokens, cache_read_tokens,
       cache_write_tokens, thinking_tokens, started_at, first_token_at, ended_at, stop, request_id, error_class, ignored,
       recorded_usd, listed_usd, usd, unpriced
FROM priced_calls WHERE run_id = $run_id AND incarnation = $incarnation
ORDER BY started_at, path, attempt, call;

-- name: waiting_approvals
-- The longest waiting first.
SELECT run_id, workflow, path, asked, prompt, asked_value, asked_at, waits_until
FROM waiting_approvals
WHERE $by IS NULL OR list_contains(CAST(asked AS VARCHAR[]), $by)
ORDER BY asked_at, run_id, path LIMIT $limit;

-- name: refusals
SELECT kind, refused_at, run_id, command, command_id, reason, message, topic, size, deadletter, partition, kafka_offset
FROM refusals WHERE $run_id IS NULL OR run_id = $run_id
ORDER BY refused_at DESC NULLS LAST, partition, kafka_offset DESC LIMIT $limit;

-- name: quarantine_of_run
SELECT reason, traceback, first_offset, quarantined_at, released_at, still_set_aside, held, times
FROM quarantine WHERE run_id = $run_id AND incarnation = $incarnation;

-- name: positions
SELECT partition, next_offset FROM positions ORDER BY partition;
