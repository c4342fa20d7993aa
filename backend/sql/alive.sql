-- The workers of all servers: seconds since the last heartbeat, and the name of the server in the
-- jobs that it drives.  One that drives nothing has no name here.
SELECT
    extract(epoch FROM now() - worker.last_heartbeat) AS silent,
    (
        SELECT mode() WITHIN GROUP (ORDER BY job.runner)
        FROM procrastinate_jobs AS engine
        JOIN veo_jobs AS job ON job.id = engine.args ->> 'job_id'
        WHERE engine.worker_id = worker.id AND engine.status = 'doing'
    ) AS runner
FROM procrastinate_workers AS worker
ORDER BY silent
