"""The words: what may be asked, what can happen, and how both are written as Avro."""
