"""The incident record, computed from the journal alone.

`remediate.record.build.build` makes it out of rows; `json_record`, `markdown`, `html` and `ocsf` show it;
`sharing` leaves out what is not for everybody; `writing` puts it beside the journal.
"""
