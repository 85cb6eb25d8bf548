"""MLflow beside us (RL-55 to RL-58): its registry over REST, and the protected aliases that our deployments move."""
