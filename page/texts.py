"""Every text of the page that is no state and no error: labels, hints, headings, buttons.

One place to read them over and to translate them.  States and errors are in `veo.explain`, which
the command shares; this module knows no widgets.
"""

# The page

TITLE = "Film a sentence with Veo 3.1"
STILL_COMING = "The rest of the page is coming."
DOES_NOT_COME = "The rest of the page does not come. Reload it: your prompt is kept."
GENERATE = "Generate"
GENERATE_FOR = "Generate · {what} {price}"
FREE = "· free"
PRICE_UNKNOWN = "· price not known"
DEMO_IS_FREE = "Demo clips cost nothing."
PRICE_NOT_TOLD = "The service does not tell what this costs. It is charged only if it completes."
VISIT = "This visit: {amount}."
VISIT_AT_MOST = "This visit: {amount} if all complete."
VISIT_NOT_KNOWN = "What this visit costs is not known."
STOP = "Stop waiting"
CLIP = "Clip"
NO_CLIP = "Your clip plays here"
DOWNLOAD = "Download"
COPY = "Copy"
COPIED = "Copied"
NOT_HANDLED = "That could not be handled. Check what was sent, or reload the page."
NO_FILES = "This page takes plain values: no files, and nothing nested deep."
OUT_OF_REACH = "The server cannot read its list of clips now. Try again in a minute."

# Whose key

DEMO_MODE = "<b>Demo</b> · clips are drawn here, not made by Veo, and cost nothing"
VISITOR_MODE = "<b>Your key</b>{left} · clips cost money"
SERVER_MODE = "<b>This server's key</b>{left} · its owner pays for clips"
LEFT = " · ${balance:,.2f} left"
KEY_SECTION = "Your own API key"
KEY_LABEL = "AI/ML API key"
KEY_INFO = "Kept in this server's memory for {how_long}, nowhere else"
USE_KEY = "Use this key"
FORGET_KEY = "Forget the key"
KEY_EMPTY = "Paste a key first."
KEY_DROPPED = "No key is kept."
KEY_TAKEN = "The service accepts this key."
KEY_UNCHECKED = "The key could not be checked now; it is kept."

# An earlier clip

EARLIER_SECTION = "Fetch an earlier clip"
EARLIER_LABEL = "Id of the request"
LOOK = "Look for it"

# The form

PROMPT_LABEL = "Prompt"
WRONG = "What is wrong with the form"
PROMPT_REPLACED = "Your prompt was replaced."
UNDO = "Undo"
PROMPT_PLACEHOLDER = "Subject, action, scene, camera, light, sound"
MODEL_LABEL = "Model"
ASPECT_RATIO_LABEL = "Aspect ratio"
DURATION_LABEL = "Duration"
RESOLUTION_LABEL = "Resolution"
SOUND_LABEL = "Sound"
ADVANCED_SECTION = "Advanced"
NEGATIVE_PROMPT_LABEL = "Negative prompt"
NEGATIVE_PROMPT_INFO = "What to keep out, as nouns: people, text. Not: no people"
SEED_LABEL = "Seed"
SEED_INFO = "The same seed films much the same again; empty for a new one"
ENHANCE_LABEL = "Enhance prompt"
ENHANCE_INFO = "Veo may refuse to leave this out"
AUTO_FIX_LABEL = "Auto-fix"
AUTO_FIX_INFO = "Rewrite a prompt that the content policy refuses"

# The status card

DASH = " \N{EN DASH} "
STEPS = "Steps"
WHAT_NEXT = "What you can do next"
NOTICE = "Tell me when it is ready"
NOTICE_BLOCKED = "This browser forbids notifications"
CHIME = "Chime"
SO_FAR = "{} so far"
USUALLY = "usually about {}"
TOOK = "Took {}"
SECONDS_LEFT = "about {} s left"
MINUTES_LEFT = "about {} min left"
SOON = "should finish soon"
SLOW = "taking longer than usual"
OTHER_PROMPT = "This sends the prompt of this clip again, not the one in the form. Send it?"
KEPT_WHERE = "Save it from My clips."
IN_THE_TAB = {
    "sending": "Sending",
    "looking": "Looking",
    "queued": "Queued",
    "generating": "Generating",
    "reconnecting": "Reconnecting",
    "away": "Reconnecting",
    "saving": "Saving",
}
"""What a job does, in the tab's title."""

# Takes

TAKES_LABEL = "Takes"
TAKES = ("1 take", "2", "3", "4")
DIFFERS_LABEL = "What differs"
SETTING_DIFFERS = "{setting} differs"
FEW_DIFFER = "{setting} differs, {takes} at most"
DIFFERS = {
    "seed": SEED_LABEL,
    "model": MODEL_LABEL,
    "aspect_ratio": ASPECT_RATIO_LABEL,
    "duration": DURATION_LABEL,
    "resolution": RESOLUTION_LABEL,
    "generate_audio": SOUND_LABEL,
    "enhance_prompt": ENHANCE_LABEL,
}
TAKES_TITLE = "Takes"
TAKE = "Take {number}"
TAKE_ON_CARD = "Take {number} of {count}: {title}"
FEWER_VALUES = "{setting} has {values} values, so there are {values} takes."
NOT_SENT = "No other take was sent."
SOME_SENT = "{sent} of {count} takes were sent, then: {reason}"
SHOW = "Show"
USE_SETTINGS = "Use settings"
USE_SEED = "Use this seed"
SEED_USED = "In the form"

# A setting of a clip in words

SEED_IS = "seed {value}"
SECONDS = "{value} s"
SWITCHED = {
    "generate_audio": ("no sound", "with sound"),
    "enhance_prompt": ("prompt as written", "prompt enhanced"),
    "auto_fix": ("no auto-fix", "auto-fix"),
}
"""Off and on."""
WITHOUT = "without {value}"

# My clips

MY_CLIPS = "My clips"
MY_CLIPS_NONE = "Clips you make appear here. They belong to this browser."
MY_CLIPS_ACTIONS = {
    "play": "Play",
    "show": SHOW,
    "download": DOWNLOAD,
    "use_settings": USE_SETTINGS,
    "use_seed": USE_SEED,
    "copy": "Copy prompt",
    "copied": COPIED,
    "delete": "Delete",
    "delete_clip": "Delete this clip for good?",
    "delete_entry": "Delete this entry?",
}

# Comparing two clips

COMPARE = "Compare"
COMPARE_TITLE = "Side by side"
COMPARE_PICKED = "Choose a second clip to compare with this one: "
COMPARE_CANCEL = "Cancel"
COMPARE_GONE = "One of these clips is not here any more."
COMPARE_BROKEN = "One of these clips cannot be played here."
COMPARE_SIDES = ("First clip", "Second clip")
COMPARE_PLAY = "Play both"
COMPARE_PAUSE = "Pause both"
COMPARE_SEEK = "Position in both"
COMPARE_SOUND = "Sound"
COMPARE_MUTE = "None"
COMPARE_CLOSE = "Close"
# See the code

CODE_SECTION = "See the code"
CODE_LANGUAGES_LABEL = "Language"
CODE_LANGUAGES = {
    "client": "Python · client",
    "requests": "Python · requests",
    "curl": "curl",
    "node": "JavaScript",
}
CODE_WRONG = "The code stands here once the form is right. {error}"

# Under the hood

EXCHANGES_SECTION = "Under the hood"
EXCHANGES_NO_JOB = "What is asked of the service for the clip on the card, and what it answers."
EXCHANGES_NOT_YET = "Nothing was sent yet."
EXCHANGES_GONE = (
    "Exchanges are kept in the server's memory alone: a restart forgets them, as it did these."
)
EXCHANGES_TIMES = "{times} times the same, the last in {time}"
EXCHANGES_ONCE = "in {time}"
EXCHANGES_FILE = "{size:,} bytes"
EXCHANGES_NO_ANSWER = "no answer: {trouble}"
EXCHANGES_HEADER = "Header"
EXCHANGES_KEY = "Authorization: Bearer [key]"
EXCHANGES_SENT = "Request"
EXCHANGES_ANSWERED = "Answer"
EXCHANGES_NO_TEXT = "The file. Its address is not shown: whoever has a signed one has the file."

# Examples

EXAMPLES_TITLE = "Examples"
EXAMPLES_NOTE = "The pictures are demo drawings, not made by Veo."

# Help with the prompt

HELP_SECTION = "Help with the prompt"
HELP_INTRO = "A film prompt has ten parts. Fill in what matters to you and leave the rest to Veo."
HELP_PUT = "Put into the prompt"
HELP_CLEAR = "Clear the parts"
HELP_EMPTY = "Fill in a part first."
HELP_DONE = "In the prompt: {composed}"
HELP_KEEPS = "Your own words stay. The parts go after them, in place of what they put there last."
HELP_PARTS = {
    "subject": ("Subject", "who or what", "an old fisherman in a yellow coat"),
    "action": ("Action", "one thing that happens", "hauls in a net"),
    "scene": ("Scene", "where, which weather", "on a small boat at sea in the rain"),
    "camera": ("Camera", "how near, which angle", "wide shot at eye level"),
    "movement": ("Movement", "what the camera does", "slow push-in"),
    "lens": ("Lens", "how much is in view, or sharp", "35 mm lens, shallow focus"),
    "style": ("Style", "what kind of film", "muted documentary style"),
    "light": ("Light", "the hour, and from where", "midnight, lit by one swinging lamp"),
    "sound": ("Sound", "what is heard", "rain on planks, a creaking rope"),
    "dialogue": ("Dialogue", "who says what", "The fisherman: One more, then home."),
}
"""Of each part: label, what it decides, and an example."""
HELP_WORDS = {
    "camera": (
        "extreme close-up", "close-up", "medium shot", "wide shot", "eye level", "low angle",
        "high angle", "bird's-eye view", "over the shoulder", "point of view",
    ),
    "movement": (
        "static shot", "slow push-in", "pull-back", "slow pan to the left", "tilt up",
        "tracking shot", "crane shot", "handheld", "orbit around the subject", "drone fly-over",
    ),
    "lens": (
        "18 mm ultra wide lens", "35 mm lens", "50 mm lens", "85 mm lens, shallow focus",
        "macro lens", "telephoto lens", "anamorphic lens", "fisheye lens", "deep focus",
    ),
    "style": (
        "documentary", "film noir", "1970s film grain", "stop motion", "watercolour animation",
        "hand-drawn anime", "black and white", "nature documentary", "time-lapse", "slow motion",
    ),
    "light": (
        "golden hour", "blue hour", "overcast, soft light", "harsh midday sun", "candlelight",
        "neon light", "moonlight", "backlit, rim light", "light through fog", "studio light",
    ),
}  # fmt: skip
"""Good words for a part, offered while it is filled in."""

NOUNS_OFFER = "Veo wants nouns: {nouns}"
NOUNS_USE = "Use"

# Settings from a file

FILE_TITLE = "Settings from a clip"
FILE_HINT = (
    "Drop a clip made here, or its JSON, anywhere on the page, and the form gets its settings. "
    "The file stays on your machine."
)
FILE_CHOOSE = "Choose a file"
FILE_READ = "The form has the settings of {name}."
FILE_REFUSED = "The settings in {name} do not fit. {reason}"
NO_SETTINGS = "This file has no settings of a clip made here: "

# Presets

PRESETS_SECTION = "Presets"
PRESETS_HINT = (
    "Keep the form as it is, under a name, in this browser. "
    "A preset without a prompt leaves the prompt alone."
)
PRESET_NAME = "Name of the preset"
PRESET_SAVE = "Save the form"
PRESET_USE = "Use"
PRESET_DELETE = "Delete"
PRESET_USED = "The form is as in {name}."
PRESET_SAVED = "{name} is saved."
PRESET_REFUSED = "{name}: {reason}"
PRESET_UNNAMED = "Give the preset a name."
PRESET_REPLACE = "There is a preset of that name. Replace it?"
PRESET_DELETE_ASK = "Delete this preset?"
PRESETS_FULL = "There is no room for more presets: delete one first."
PRESETS_NOT_KEPT = "This browser keeps nothing for this page, so the preset is lost."
