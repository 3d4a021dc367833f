-- What a post may have had of hashtags and languages (ingest.Topics); 0: not known.
ALTER TABLE objects ADD COLUMN topics BIGINT NOT NULL DEFAULT 0;
ALTER TABLE corrections ADD COLUMN prev_topics BIGINT NOT NULL DEFAULT 0;
