"""The incident record, computed from the journal alone.

`remediate.record.build.build` makes it out of rows; `json_record` and `markdown` show it; `writing`
puts it beside the journal.
"""
