"""Leave to go live although one check of one version does not pass: asked for, signed, ending by itself (EVAL-5)."""
