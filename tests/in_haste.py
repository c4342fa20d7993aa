"""The page, with less patience for half-sent requests than the real one has."""

import app
from page.web.half_sent import BoundedConnection

BoundedConnection.head_seconds, BoundedConnection.body_seconds = 2.5, 2.5
BoundedConnection.picture_seconds = 6.0
BoundedConnection.new_seconds = 0.1

if __name__ == "__main__":
    app.main()
