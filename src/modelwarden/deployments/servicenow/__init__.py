"""Changes in ServiceNow: opened for a request, read as evidence for the gate, told what was deployed (RL-51 to RL-53).

Approvals there are read and never written. What a change amounts to is `change`, calls are `instance`, both
together are `source`; the reaction of the same name looks each minute.
"""
