-- A search for authors looks for beginnings of words; of three characters and more, this says where
-- they can be.
ALTER TABLE authors ADD INDEX IF NOT EXISTS ix_words words TYPE text(tokenizer = ngrams(3));

ALTER TABLE authors MATERIALIZE INDEX ix_words;
