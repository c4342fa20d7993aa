"""The page, with less patience for half-sent requests than the real one has."""

import app
from page.web.half_sent import WholeInTime

WholeInTime.head_seconds, WholeInTime.body_seconds = 1.5, 2.5

if __name__ == "__main__":
    app.main()
