"""A small world of drawn road signs to try negmine on: data and a detector, made offline from a seed."""
