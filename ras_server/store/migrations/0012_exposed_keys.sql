-- Somebody who is to be shut out may have K_adv of this generation, which is on its way.
ALTER TABLE device_key ADD COLUMN exposed INTEGER NOT NULL DEFAULT 0;

-- A gateway may count for several households: none of them can take it from another.
CREATE TABLE gateway_of_site (
  site_id TEXT NOT NULL REFERENCES site ON DELETE CASCADE,
  gateway_id TEXT NOT NULL REFERENCES gateway ON DELETE CASCADE,
  PRIMARY KEY (site_id, gateway_id)
) STRICT, WITHOUT ROWID;
INSERT INTO gateway_of_site SELECT site_id, gateway_id FROM site_gateway;
DROP TABLE site_gateway;
ALTER TABLE gateway_of_site RENAME TO site_gateway;
CREATE INDEX site_gateway_gateway ON site_gateway (gateway_id, site_id);
