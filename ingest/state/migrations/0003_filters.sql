-- relay: which posts a subscriber wants, delivery.Filter as JSON; '' wants all.
ALTER TABLE subscribers ADD COLUMN filter TEXT NOT NULL DEFAULT '';
