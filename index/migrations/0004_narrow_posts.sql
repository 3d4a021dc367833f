-- 0003 has copied it.
ALTER TABLE posts DROP COLUMN IF EXISTS record;

ALTER TABLE posts MODIFY SETTING min_bytes_for_wide_part = 1000000000000, min_rows_for_wide_part = 1000000000000;
