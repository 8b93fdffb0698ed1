-- Dropping hits that were published long ago.

-- name: prune
-- Hits of a partition that were published from one moment on, before another, oldest first. But not
-- those that may be found again, since they would be new then: of a breakpoint that is armed for
-- their records, where not all that watch the partition so far know it as it is now.
with old as materialized (
    select hit_id
    from hit
    where partition = $1 and published_at >= $2 and published_at < $3
      -- A look-up for each hit by itself: joined, breakpoints may be read from end to end.
      and not coalesce((
          select is_enabled and hit.stream_seq > armed_seq
                 and (select watch.revision < breakpoint.revision
                             or watch.stream_seq < hit.stream_seq
                      from watch
                      where watch.partition = hit.partition)
          from breakpoint
          where id = hit.breakpoint_id
      ), false)
    order by published_at
    limit $4
    for update skip locked
), gone as (
    delete from hit using old where hit.hit_id = old.hit_id returning published_at
)
-- Nobody's commit has to wait for the disk on its account: what a crash brings back goes again.
select count(*) as count, max(published_at) as upto, set_config('synchronous_commit', 'off', true)
from gone
