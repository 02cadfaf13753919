"""What snapshots are labelled with: when they were taken, then the place in the log where that was (or the call's id)."""

PRE_TURN = "pre-turn:"
POST_TURN = "post-turn:"
TOOL = "tool:"
PRE_UNDO = "pre-undo:"
POST_UNDO = "post-undo:"
