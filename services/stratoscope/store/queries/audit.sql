-- What operators did, and what was dropped without them.

-- name: add
insert into strato.audit (who, action, space, agent, details) values ($1, $2, $3, $4, $5)

-- name: page
-- Newest first.
select audit_id, done_at, who, action, space, agent, details
from strato.audit
where audit_id < $1
  and ($2::text is null or space = $2)
  and ($3::text is null or agent = $3)
  and ($4::text is null or action = $4)
order by audit_id desc
limit $5
