"""What people and clocks can ask for; one function a use case, one short transaction each.

`standings`, `notices` and `roster.refresh` talk to the outside and belong to the worker alone.
"""
