"""What one room does because another recorded a fact: a follower reads it and calls the acting room."""
