-- Depths by block: which stretches of a timeline can hold a depth at all.

-- name: close
-- A block's last event has been written: sum it up. The resolver may have been here before.
insert into event_block (agent_id, block, is_closed, low, high, marks)
select asked.agent_id, asked.block, true, found.low, found.high, found.marks
from unnest($1::integer[], $2::bigint[]) as asked(agent_id, block)
cross join lateral (
    select min(depth) as low, max(depth) as high,
           coalesce(bit_or(1::bigint << (depth & 63)), 0) as marks
    from event
    where event.agent_id = asked.agent_id
      and event_index >= asked.block * 1024 and event_index < (asked.block + 1) * 1024
    offset 0
) as found
order by asked.agent_id, asked.block
on conflict (agent_id, block) do update
set is_closed = true, low = least(event_block.low, excluded.low),
    high = greatest(event_block.high, excluded.high), marks = event_block.marks | excluded.marks

-- name: candidates_forward
-- Blocks from one ($2) up to and with another ($3) that may hold a depth ($4): those that are not
-- summed up yet may hold any.
select number
from generate_series($2::bigint, $3::bigint) as number
left join event_block as block on block.agent_id = $1 and block.block = number
where block.is_closed is not true
   or (block.low <= $4 and block.high >= $4
       and block.marks & (1::bigint << ($4::integer & 63)) <> 0)
order by number
limit $5

-- name: candidates_backward
select number
from generate_series($2::bigint, $3::bigint) as number
left join event_block as block on block.agent_id = $1 and block.block = number
where block.is_closed is not true
   or (block.low <= $4 and block.high >= $4
       and block.marks & (1::bigint << ($4::integer & 63)) <> 0)
order by number desc
limit $5
