-- Grants to somebody else's gateway. A gateway that is gone stays named: its grants ended before.

ALTER TABLE access_grant ADD COLUMN gateway_id TEXT;
CREATE INDEX access_grant_gateway ON access_grant (gateway_id, device_id)
  WHERE gateway_id IS NOT NULL;

-- Whose data a grant is: of who holds it, or of who has the gateway that holds it.
CREATE VIEW held AS SELECT grant_id, user_id FROM holder
  UNION SELECT grant_id, gateway.user_id FROM access_grant JOIN gateway USING (gateway_id);
