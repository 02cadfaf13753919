"""Programs of the person's at named points. They may block, ask or change a call; they never widen what the gate allows."""
