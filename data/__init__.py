"""What an operator owns and edits: words, topics, crisis lines, a sample pool. Installed as `smsmentor_data`."""
