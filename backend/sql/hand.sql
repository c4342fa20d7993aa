-- Give one job to a queue.  It runs inside the ledger's transaction that makes the job's row.
SELECT procrastinate_defer_jobs_v1(ARRAY[
    ROW(:queue, 'run', 0, NULL, NULL, jsonb_build_object('job_id', :job_id), NULL)::procrastinate_job_to_defer_v1
])
