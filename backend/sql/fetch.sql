-- Fetch several jobs at once, as Procrastinate's own procrastinate_fetch_job_v2 does for one: a
-- server that died leaves thousands.  No job of ours has a lock or a priority.
UPDATE procrastinate_jobs AS job
SET status = 'doing', worker_id = %(worker_id)s
FROM (
    SELECT id
    FROM procrastinate_jobs
    WHERE status = 'todo'
      AND queue_name = ANY(%(queues)s)
      AND (scheduled_at IS NULL OR scheduled_at <= now())
    ORDER BY priority DESC, id
    LIMIT %(at_most)s
    FOR UPDATE SKIP LOCKED
) AS next
WHERE job.id = next.id
RETURNING job.*
