-- What a server holds whose heartbeat is too old goes to whoever is alive, all in one statement.
-- The row is another then: a server that was frozen and wakes finds none of its own to finish.
-- Procrastinate's own retry_job keeps the row, tells nobody, and two that rescue at once collide.
-- A server whose heartbeat is being written is alive, and is left alone: it may have taken its jobs
-- again already.
WITH stale AS (
    SELECT id
    FROM procrastinate_workers
    WHERE last_heartbeat < now() - make_interval(secs => %(dead)s)
    FOR NO KEY UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM procrastinate_jobs
    WHERE status = 'doing' AND (worker_id IS NULL OR worker_id IN (SELECT id FROM stale))
    RETURNING task_name, args
)
SELECT procrastinate_defer_jobs_v1(array_agg(
    ROW('any', task_name, 0, NULL, NULL, args, NULL)::procrastinate_job_to_defer_v1
))
FROM gone
HAVING count(*) > 0
