"""Webhook targets of deployments: told of each step, waited for, told when a deployment is over (RL-40).

What was asked is a row, made in the change of the step; `notify.targets` sends it. What a target answers, or that it
does not, is settled in `answering`.
"""
