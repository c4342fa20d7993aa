"""A model of a family that nobody has thought of: an entry of the client's table, and one of the
table of a service that makes its clips.  As a script, it serves the page with it."""

from demo import orders
from veo import models

NAME = "third/one"
IN_THE_TABLE = models.Model(
    label="Third",
    does=("words", "picture"),
    aspect_ratios=("16:9",),
    durations=(2, 5),
    resolutions=("360p", "720p"),
    knows=frozenset({"image_url", "seed"}),
    defaults={"duration": 2, "resolution": "360p"},
)
AT_THE_SERVICE = orders.Model(
    knows=frozenset({"image_url", "seed"}),
    choices={"duration": (2, 5), "resolution": ("360p", "720p")},
    defaults={"duration": 2, "resolution": "360p"},
    a_second={"360p": 0.1, "720p": 0.2},
)

if __name__ == "__main__":
    models.MODELS[NAME] = IN_THE_TABLE

    import app

    app.main()
