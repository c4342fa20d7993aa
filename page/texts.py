"""Every text of the page that is no state and no error: labels, hints, headings, buttons.

One place to read them over and to translate them.  States and errors are in `veo.explain`, which
the command shares; this module knows no widgets.
"""

# The page

TITLE = "Film a sentence with Veo 3.1"
STILL_COMING = "Loading…"
DOES_NOT_COME = "This page didn't finish loading. Reload \N{EN DASH} your prompt is saved."
GENERATE = "Generate"
DEMO_IS_FREE = "Demo clips are free."
YOU_PAY_FOR_ONE = "You pay only if the clip completes."
YOU_PAY_FOR_TAKES = "You pay only for takes that complete."
OWNER_PAYS_FOR_ONE = "This server's owner pays, and only if the clip completes."
OWNER_PAYS_FOR_TAKES = "This server's owner pays, and only for takes that complete."
PRICE_NOT_TOLD = "No price available."
VISIT = "This visit: {amount}."
VISIT_AT_MOST = "This visit: up to {amount}."
VISIT_NOT_KNOWN = "This visit: total unknown."
CLIP = "Clip"
DOWNLOAD = "Download"
FILE_DEMO = "demo"
FILE_CLIP = "clip"
FILE_TAKE = "take-{number}"
FILE_SEED = "seed-{seed}"
"""Of a file's name, with hyphens between."""
COPY = "Copy"
COPIED = "Copied"
NOT_HANDLED = "We couldn't handle that. Check what was sent, or reload the page."
NO_FILES = "This page takes plain values: no files, and nothing nested deep."
HALF_DELETED = "Not all of them are deleted yet. Try again in a minute."
OUT_OF_REACH = "We can't read your list of clips just now. Try again in a minute."

# Whose key

DEMO_MODE = (
    '<b class="demo">Demo</b> \N{EN DASH} simple drawings, free. Add a key for real Veo clips.'
)
VISITOR_MODE = "<b>Your key</b>{left} · clips cost money"
HOME_MODE = "<b>Your key</b> ({variable}){left}"
"""At home: the key is in the environment of who started the page."""
SERVER_MODE = "<b>This server's key</b> · its owner pays for clips"
LEFT = " · {balance} left"
KEY_SECTION = "Your own API key"
KEY_LABEL = "AI/ML API key"
KEY_INFO = "Kept in this server's memory for {how_long}, nowhere else"
USE_KEY = "Use this key"
FORGET_KEY = "Forget the key"
KEY_EMPTY = "Paste a key first."
KEY_DROPPED = "Key forgotten."
KEY_TAKEN = "The service accepts this key."
KEY_UNCHECKED = "We couldn't check this key just now. We keep it and use it."

# An earlier clip

EARLIER_SECTION = "Find a clip by its ID"
EARLIER_LABEL = "Clip ID"
LOOK = "Find"

# The form

PROMPT_LABEL = "Prompt"
WRONG = "What is wrong with the form"
PROMPT_REPLACED = "Your prompt was replaced."
UNDO = "Undo"
PROMPT_PLACEHOLDER = "Subject, action, scene, camera, light, sound"
MODEL_LABEL = "Model"
ASPECT_RATIO_LABEL = "Aspect ratio"
AS_THE_CLIP = "As the clip"
"""An aspect ratio."""
DURATION_LABEL = "Duration"
RESOLUTION_LABEL = "Resolution"
SOUND_LABEL = "Sound"
ADVANCED_SECTION = "Advanced"
NEGATIVE_PROMPT_LABEL = "Negative prompt"
NEGATIVE_PROMPT_INFO = 'List what to avoid, as nouns ("people, text", not "no people").'
SEED_LABEL = "Seed"
SEED_INFO = "Same prompt and seed: nearly the same clip. Empty: a new one each time."
ENHANCE_LABEL = "Enhance prompt"
ENHANCE_INFO = "Veo 3.1 may refuse requests with this off."
AUTO_FIX_LABEL = "Auto-fix"
AUTO_FIX_INFO = "Let the service rewrite a prompt that its content policy refuses."

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
SERVER_AWAY = "We can't reach the server"
SERVER_AWAY_TRYING = "We keep trying. Clips that are on their way go on."
PRESS_UNSENT = "The server was away, so we didn't send your last press. Press again."
PRESS_UNCERTAIN = "The server went away as you pressed. If the clip isn't in My clips, press again."
IN_THE_TAB = {
    "sending": "Sending",
    "looking": "Looking",
    "queued": "Queued",
    "generating": "Generating",
    "reconnecting": "Reconnecting",
    "away": "Reconnecting",
    "saving": "Saving",
    "checking": "Checking",
}
"""What a job does, in the tab's title."""

# Takes

TAKES_LABEL = "Takes"
TAKES = ("1 take", "2", "3", "4")
DIFFERS_LABEL = "Vary"
SETTING_DIFFERS = "Vary: {setting}"
NO_LONGER = "no longer offered"
"""Of a model that the service does not list any more."""
ONCE_MORE = "Once more, the same"
"""Instead of another seed, which the model has not."""
FEW_DIFFER = "Vary: {setting} (up to {takes})"
DIFFERS = {
    "seed": SEED_LABEL,
    "model": MODEL_LABEL,
    "aspect_ratio": ASPECT_RATIO_LABEL,
    "duration": DURATION_LABEL,
    "resolution": RESOLUTION_LABEL,
    "generate_audio": SOUND_LABEL,
    "enhance_prompt": ENHANCE_LABEL,
}
TAKE = "Take {number}"
TAKE_ON_CARD = "Take {number} of {count}: {title}"
FEWER_VALUES = "{setting} has only {values} choices, so you get {values} takes."
NOT_SENT = "We sent no other take."
SOME_SENT = "We sent {sent} of {count} takes, then: {reason}"
SHOW = "Show"
USE_MODEL = "Use {model}"
USE_SETTINGS = "Use settings"
USE_SEED = "Use this seed"

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
    "use_frame": "Use last frame",
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
COMPARE_GONE = "One of these clips isn't here any more."
COMPARE_BROKEN = "One of these clips can't be played here."
COMPARE_SIDES = ("First clip", "Second clip")
COMPARE_PLAY = "Play both"
COMPARE_PAUSE = "Pause both"
COMPARE_SEEK = "Position in both"
COMPARE_SOUND = "Sound"
COMPARE_MUTE = "None"
COMPARE_CLOSE = "Close"
# The code

CODE_SECTION = "Code"
CODE_LANGUAGES_LABEL = "Language"
CODE_LANGUAGES = {
    "client": "Python · client",
    "command": "Command",
    "requests": "Python · requests",
    "curl": "curl",
    "node": "JavaScript",
}
CODE_WRONG = "Fix the form to see the code. {error}"

# HTTP

EXCHANGES_SECTION = "HTTP"
EXCHANGES_NO_JOB = "What we ask the service for the clip on the card, and what it answers."
EXCHANGES_NOT_YET = "Nothing sent yet."
EXCHANGES_GONE = "Requests are kept in memory only; a restart cleared these."
EXCHANGES_TIMES = "{times} × the same answer · last took {time}"
EXCHANGES_ONCE = "took {time}"
EXCHANGES_FILE = "{size:,} bytes"
EXCHANGES_NO_ANSWER = "no answer: {trouble}"
EXCHANGES_HEADER = "Header"
EXCHANGES_KEY = "Authorization: Bearer [key]"
EXCHANGES_SENT = "Request"
EXCHANGES_ANSWERED = "Answer"
EXCHANGES_NO_TEXT = (
    "The file. Its signed address is hidden: anyone who has it can download the clip."
)

# Examples

EXAMPLES_TITLE = "Examples"
EXAMPLES_NOTE = "The pictures are demo drawings, not made by Veo."

# Help with the prompt

HELP_SECTION = "Help with the prompt"
HELP_INTRO = "A film prompt has ten parts. Fill in what matters to you; Veo does the rest."
HELP_PUT = "Add to prompt"
HELP_CLEAR = "Clear"
HELP_EMPTY = "Fill in a part first."
HELP_DONE = "In the prompt: {composed}"
HELP_KEEPS = "Added after your own text; adding again replaces the last addition."
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
    "Drop one of your clips (or its JSON) anywhere to reuse its settings. "
    "The file stays on your machine."
)
FILE_CHOOSE = "Choose a file"
FILE_READ = "Form filled from {name}."
FILE_REFUSED = "The settings in {name} don't fit. {reason}"
NO_SETTINGS = "This file has no clip settings in it: "

# Presets

PRESETS_SECTION = "Presets"
PRESETS_HINT = (
    "Save the form under a name, in this browser. A preset without a prompt leaves yours alone."
)
PRESET_NAME = "Name of the preset"
PRESET_SAVE = "Save the form"
PRESET_USE = "Use"
PRESET_DELETE = "Delete"
PRESET_USED = "Preset {name} applied."
PRESET_SAVED = "Preset {name} saved."
PRESET_REFUSED = "{name}: {reason}"
PRESET_UNNAMED = "Give the preset a name."
PRESET_REPLACE = "You have a preset with that name. Replace it?"
PRESET_DELETE_ASK = "Delete this preset?"
PRESETS_FULL = "No room for more presets. Delete one first."
PRESETS_NOT_KEPT = "Your browser blocks storage here; the preset wasn't saved."

# The strip

TABS = {"label": "Views", "shot": "One shot", "clips": MY_CLIPS}
ROOM = "{used} of {most}"
STRIP = {
    "list": "Clips, newest first",
    "search": "Search prompts",
    "only": "Show",
    "all": "All",
    "starred": "\N{BLACK STAR}",
    "starred_named": "Starred",
    "running": "Running",
    "failed": "Failed",
    "nothing_found": "No clips match.",
    "older": "Show older",
    "star": "Star",
    "unstar": "Remove the star",
    "more": "Actions",
    "choose": "Select",
    "unchoose": "Deselect",
    "chosen": "{} selected",
    "chosen_label": "Selected clips",
    "zip": "Download zip",
    "clear": "Clear",
    "delete_several": "Delete {} clips for good?",
    "most_in_a_zip": "Pick {} clips or fewer for one zip.",
}
STRIP_SHORT = {
    "gone": "removed",
    "prepared": "sending",
    "submitting": "sending",
    "queued": "waiting",
    "completed": "fetching",
    "downloading": "fetching",
    "needs_key": "waits for your key",
    "uncertain": "we don't know",
    "needs_attention": "not fetched",
}
"""A state on a small picture, by the ledger's states and the service's."""

ZIP_NAME = "veo-clips.zip"
ZIP_BROKEN_NAME = "NOT COMPLETE.txt"
ZIP_BROKEN = "These could not be read whole; download them again:"

# The stage

DETAILS = "Details"
HIDE = "Hide"
NO_CANCEL = "Can't be cancelled once sent. Hidden, it goes on in My clips."
TAKE_OF = "Take {number} of {count}"
STILL_MADE = ("{count} more is being made.", "{count} more are being made.")
"""One take beside the one that is shown, and several."""
FILM_THIS = "Film this"
ANOTHER_TAKE = "Another take"
GO_ON = "Go on"
GO_ON_WITH = {
    "last": "Use last frame",
    "this": "Use this frame",
    "clip": "Continue this clip",
}
"""What the next film is made of; each says what that costs."""
GO_ON_PRICE = " · {price}"
GO_ON_LONGER = " · +{seconds} s · {price}"
CLIP_GONE = "This clip isn't here any more."
FRAME_USED = "The form begins with this clip's frame. Say what happens next."
CLIP_CONTINUED = "The form continues this clip. Say what happens next."
CONTINUE_ONE = "Continue · +{seconds} s · {price}"
CONTINUE_FREE = "Continue · +{seconds} s · {price}"
FORM_FILLED = "The form has this clip's settings. Press Generate to film it."
SEED_FILLED = "The form has this clip's seed."
PIN = "Pin"
PIN_ABOUT = "Keep open what is open here, also after a reload"
COPY_AS_CURL = "Copy as curl"
CURL_COSTS = "# This asks for another clip, and it is charged."
HOST_OF_THE_DEMO = "this page's demo service"
CODE_OF_LABEL = "Code of"
CODE_OF = {"form": "this form", "clip": "this clip"}
CODE_AGAINST_LABEL = "against"
CODE_AGAINST = {"real": "the real service", "demo": "the demo"}
CODE_DEMO = "Start the demo first: python demo_server.py. It takes any key."
CODE_NO_CLIP = "The code stands here once a clip is on the stage."

# The composer

PICTURES_LABEL = "Pictures"
SLOTS = {
    "image_url": "First frame",
    "last_image_url": "Last frame",
    "image_urls": "References",
    "video_url": "Continues a clip",
}
"""By the field of a request that a slot fills."""
SLOT = {
    "count": "{name} {count}/{most}",
    "replace": "{name}: choose another picture",
    "remove": "Remove: {name}",
    "choose": "Choose a picture",
    "photo": "Take a photo",
    "sending": "Sending the picture…",
    "wait": "The picture is still on its way. Press again in a moment.",
    "no_picture": "That's not a picture we can read. Use a JPEG, PNG or WebP.",
    "too_large": "This picture has more pixels than we can take.",
    "unsent": "We couldn't send the picture. Try again.",
    "gone": "A picture isn't here any more. Choose it again.",
    "instead": "That took the place of {other}. ",
    "undo": UNDO,
    "needs_first": "A last frame needs a first frame, too.",
    "full": "{most} references are the most.",
    "not_with": "{slot} can't be combined with {other}. Clear that slot first.",
}
IN_A_SENTENCE = {
    "image_url": "a first frame",
    "last_image_url": "a last frame",
    "image_urls": "references",
    "video_url": "a clip that goes on",
}
SETTINGS_LABEL = "Settings"
SOUND_IS = {True: "\N{EIGHTH NOTE} on", False: "\N{EIGHTH NOTE} off"}
TAKES_ARE = ("1 take", "2 takes", "3 takes", "4 takes")
SEED_CHIP = "seed {}"
NO_SEED = "Remove the seed {}"
SHEET_TITLE = "More settings"
SHEET_CLOSE = "Close"
SHORTCUT = "generates"
CHARACTERS = "{} of {} characters"
REHEARSE = "Rehearse"
REHEARSE_FOR = "Rehearse · {price}"
FILM_PROPERLY = "Film it properly · {price}"
GENERATE_ONE = "Generate · {price}"
GENERATE_TAKES = "Generate {count} takes · {price}"
PRICE_OF_TAKES = "{count} × {each} = {total}"
DROP_HERE = "Drop the clip or its JSON to use its settings"
