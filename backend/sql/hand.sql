-- Give one job to a queue.  It runs inside the ledger's transaction that makes the job's row.
SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
    CAST(:queue AS varchar), 'run', 0, NULL, NULL,
    jsonb_build_object('job_id', CAST(:job_id AS text)), NULL
)::procrastinate_job_to_defer_v1])
