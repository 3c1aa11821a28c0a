-- The audit is found by what it is about, and takes nothing but the next entry.

CREATE INDEX audit_object ON audit (entry ->> 'object', n);
CREATE INDEX audit_user ON audit (entry ->> 'actor', n) WHERE entry ->> 'actor' LIKE 'user:%';
CREATE INDEX audit_operation ON audit (entry ->> '$.detail.operation', n)
  WHERE entry ->> '$.detail.operation' IS NOT NULL;
CREATE INDEX audit_answer ON audit (entry ->> 'object', entry ->> '$.detail.event', n)
  WHERE entry ->> 'action' = 'lock.answer';
CREATE INDEX audit_transfer ON audit (entry ->> 'object', n)
  WHERE entry ->> 'action' = 'device.transfer';

-- Without it, INSERT OR REPLACE would change an entry: it fires no trigger of DELETE.
CREATE TRIGGER audit_insert BEFORE INSERT ON audit
WHEN new.n <> (SELECT coalesce(max(n), 0) FROM audit) + 1
BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;
