-- An open job that several servers drove, and that is in no queue, is given to whoever is alive.
-- It is not to be: this is for the server that took a job after it was taken for dead, and died.
SELECT procrastinate_defer_jobs_v1(array_agg(
    ROW('any', 'run', 0, NULL, NULL, jsonb_build_object('job_id', job.id), NULL)::procrastinate_job_to_defer_v1
))
FROM veo_jobs AS job
WHERE job.state = ANY(%(states)s)
  AND job.epoch > 0
  AND job.deleted IS NULL
  AND NOT EXISTS (SELECT FROM procrastinate_jobs AS engine WHERE engine.args ->> 'job_id' = job.id)
HAVING count(*) > 0
