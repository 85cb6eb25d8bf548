"""When an answer is due: reminders, escalation, and how long people take to decide (RL-19)."""
