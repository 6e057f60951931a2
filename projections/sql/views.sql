-- Dollars are views over facts: sums of DECIMAL, never of floats. A call without a known price is NULL and `unpriced`, never 0.

-- Each call at the list price of its moment: the newest prices in force when it began, and of these the tier of its input.
CREATE OR REPLACE VIEW listed_calls AS
WITH dated AS (
    SELECT DISTINCT provider, model, effective_from FROM prices
), calls AS (
    SELECT *, coalesce(started_at, happened_at) AS called_at FROM model_calls
), in_force AS (
    SELECT calls.*, dated.effective_from
    FROM calls ASOF LEFT JOIN dated
      ON calls.provider = dated.provider AND calls.model = dated.model AND calls.called_at >= dated.effective_from
)
SELECT
    in_force.*,
    prices.listed_as,
    prices.source AS price_source,
    -- Dollars a million tokens × 1,000 = nano-dollars a token: whole numbers and DECIMALs only, rounded once a call.
    TRY_CAST(1000 * (
        CASE WHEN input_tokens - cache_read_tokens - cache_write_tokens = 0 THEN 0
             ELSE (input_tokens - cache_read_tokens - cache_write_tokens) * input_usd END
        + CASE WHEN cache_read_tokens = 0 THEN 0 ELSE cache_read_tokens * cache_read_usd END
        + CASE WHEN cache_write_tokens = 0 THEN 0 ELSE cache_write_tokens * cache_write_usd END
        + CASE WHEN output_tokens = 0 THEN 0 ELSE output_tokens * output_usd END
    ) AS BIGINT) AS listed_nanousd
FROM in_force ASOF LEFT JOIN prices
  ON in_force.provider = prices.provider AND in_force.model = prices.model
 AND in_force.effective_from = prices.effective_from AND in_force.input_tokens > prices.above_input_tokens;

CREATE OR REPLACE VIEW priced_calls AS
SELECT
    * EXCLUDE (effective_from, cost_nanousd, listed_nanousd),
    CAST(cost_nanousd * CAST('0.000000001' AS DECIMAL(10, 9)) AS DECIMAL(19, 9)) AS recorded_usd,
    CAST(listed_nanousd * CAST('0.000000001' AS DECIMAL(10, 9)) AS DECIMAL(19, 9)) AS listed_usd,
    coalesce(recorded_usd, listed_usd) AS usd,
    usd IS NULL AS unpriced
FROM listed_calls;

CREATE OR REPLACE VIEW run_costs AS
WITH spent AS (
    SELECT
        run_id, incarnation,
        count(*) AS calls,
        CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
        CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
        sum(usd) AS usd,
        count(*) FILTER (unpriced) AS unpriced
    FROM priced_calls GROUP BY ALL
)
SELECT
    run_id, incarnation, runs.workflow, runs.status, runs.started_at,
    coalesce(spent.calls, 0) AS calls,
    coalesce(spent.input_tokens, 0) AS input_tokens,
    coalesce(spent.output_tokens, 0) AS output_tokens,
    CASE WHEN spent.calls IS NULL THEN CAST(0 AS DECIMAL(38, 9)) ELSE spent.usd END AS usd,
    coalesce(spent.unpriced, 0) AS unpriced
FROM runs FULL JOIN spent USING (run_id, incarnation);

CREATE OR REPLACE VIEW cost_by_day AS
SELECT
    CAST(called_at AS DATE) AS utc_day,
    count(*) AS calls,
    CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    sum(usd) AS usd,
    count(*) FILTER (unpriced) AS unpriced
FROM priced_calls GROUP BY ALL;

CREATE OR REPLACE VIEW cost_by_workflow AS
SELECT
    workflow,
    count(*) AS runs,
    CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    sum(usd) AS usd,
    CAST(sum(unpriced) AS BIGINT) AS unpriced
FROM run_costs GROUP BY ALL;

CREATE OR REPLACE VIEW cost_by_model AS
SELECT
    provider, model,
    count(*) AS calls,
    CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    sum(usd) AS usd,
    count(*) FILTER (unpriced) AS unpriced
FROM priced_calls GROUP BY ALL;

-- How many steps of each run stand where.
CREATE OR REPLACE VIEW run_steps AS
SELECT
    run_id, incarnation,
    count(*) AS steps,
    count(*) FILTER (status = 'succeeded') AS succeeded,
    count(*) FILTER (status = 'failed') AS failed,
    count(*) FILTER (status = 'skipped') AS skipped,
    count(*) FILTER (status = 'cancelled') AS cancelled,
    count(*) FILTER (status NOT IN ('succeeded', 'failed', 'skipped', 'cancelled')) AS unfinished
FROM steps GROUP BY ALL;

-- What waits for whom: the approvals that an open run asks for.
CREATE OR REPLACE VIEW waiting_approvals AS
SELECT
    approvals.run_id, approvals.incarnation, workflow, approvals.path, asked, prompt, asked_value, asked_at,
    approvals.waits_until
FROM approvals
JOIN runs USING (run_id, incarnation)
JOIN steps USING (run_id, incarnation, path)
WHERE runs.state = 'running' AND steps.status = 'waiting' AND answered_at IS NULL;

-- Every run with the child runs below it: whose they are, how deep, and by which step they were asked for.
CREATE OR REPLACE VIEW run_descendants AS
WITH RECURSIVE below AS (
    SELECT run_id AS ancestor, run_id, CAST(NULL AS VARCHAR) AS parent_run, CAST(NULL AS VARCHAR) AS parent_step, 0 AS depth
    FROM runs
    UNION ALL
    SELECT below.ancestor, runs.run_id, runs.parent_run, runs.parent_step, below.depth + 1
    FROM below JOIN runs ON runs.parent_run = below.run_id
)
SELECT ancestor, run_id, parent_run, parent_step, depth FROM below WHERE depth > 0;
