"""`python -m deploy.scaling`: draw docs/scaling.svg and renew the table in docs/scaling.md."""

import sys

from deploy.scaling.page import PAGE, PICTURE, page, picture

PICTURE.write_text(picture(), encoding="utf-8")
PAGE.write_text(page(), encoding="utf-8")
sys.stdout.write(f"{PICTURE}\n{PAGE}\n")
