"""`python app.py` as one of several servers that is taken for dead after 8 s, and not 30."""

import app
from backend.service import Service

Service.__init__.__kwdefaults__["dead_after"] = 8.0

if __name__ == "__main__":
    app.main()
