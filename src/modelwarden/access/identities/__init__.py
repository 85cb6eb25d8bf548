"""The identity map: which account in another system is whose (RL-54). It gives no right by itself."""
