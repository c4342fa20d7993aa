-- What waits in the queue of a server that does not fetch it goes to whoever is alive.
UPDATE procrastinate_jobs AS job
SET queue_name = 'any'
WHERE job.status = 'todo'
  AND job.queue_name <> 'any'
  AND (job.scheduled_at IS NULL OR job.scheduled_at < now() - make_interval(secs => %(dead)s))
  AND NOT EXISTS (
      SELECT FROM procrastinate_events AS event
      WHERE event.job_id = job.id AND event.at >= now() - make_interval(secs => %(dead)s)
  )
