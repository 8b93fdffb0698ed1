-- Forget breakpoints over the limits that texts and numbers have from now on: none of them can be
-- read any more, and one that can't be read hides the others from lists.

update breakpoint
set removed_at = now(), is_enabled = false, disabled_reason = 'it is over a limit of version 1.1',
    revision = (select revision + 1 from arming)
where removed_at is null
  and (octet_length(condition::text) > 65536
       or length(message) > 4096
       or octet_length(substring(condition::text from '"path":\s*"([^"]*)"')) > 4096
       or condition::text ~ '"index":\s*[0-9]{16}'
       or condition::text ~ '"depth":\s*[0-9]{10}'
       or hit::text ~ ':\s*[0-9]{16}');
update arming set revision = revision + 1;
