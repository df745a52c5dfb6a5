-- The counter: what a visitor of the portal may do with requests, as functions, and nothing else.
--
-- The file runs as one transaction and builds the schema anew each time. The portal's role reads no table. It may call the functions below, which check what they are given, read and write
-- with the rights of their owner, and answer with what is meant for the one who asks: the holder of a secret word sees
-- the own request, everybody sees kinds, places, states and clocks. No description, no name and no address leaves
-- without the word. Words are kept as SHA-256; comparing digests tells nothing of the word by its time.
-- Errors: HL001 what was sent is not right, HL002 too much at once, HL003 not in this state, HL004 no such request.

drop schema if exists counter cascade;

create schema counter;

create or replace function counter.digest(word text) returns bytea
language sql immutable as $$ select sha256(convert_to(word, 'UTF8')) $$;

create or replace function counter.refuse(code text, words text) returns void
language plpgsql as $$ begin raise exception using errcode = code, message = words; end $$;

-- How alike two texts are, 0 to 1, by pairs of characters: for Chinese as well as for English.
create or replace function counter.alike(one text, other text) returns double precision
language sql immutable as $$
    with a as (select distinct substr(lower(one), i, 2) g from generate_series(1, length(one) - 1) i),
    b as (select distinct substr(lower(other), i, 2) g from generate_series(1, length(other) - 1) i)
    select coalesce((select count(*) from a join b using (g))::float8
        / nullif((select count(*) from (select g from a union select g from b) u), 0), 0)
$$;

-- The day so many working days later, Monday to Friday; holidays are not known here.
create or replace function counter.working_days(since timestamptz, days integer) returns timestamptz
language sql stable as $$
    select d from (
        select d, row_number() over (order by d) n
        from generate_series(since + interval '1 day', since + make_interval(days => days * 2 + 4), interval '1 day') d
        where extract(isodow from d) < 6
    ) w where n = days
$$;

create or replace function counter.kinds() returns table (
    code text, title_zh text, title_en text, hint_zh text, hint_en text, "group" text, attributes jsonb, first_body text
) language sql stable security definer set search_path = pg_catalog, public as $$
    select k.code, k.title_zh, k.title_en, k.hint_zh, k.hint_en, k."group", k.attributes, k.ladder -> 0 ->> 'body'
    from request_kind k
    where k.valid_from <= current_date and (k.valid_until is null or k.valid_until > current_date)
    order by k.place
$$;

-- The one item of the responsibility list that covers a kind at a place.
create or replace function counter.item(kind text, in_city text, in_district text) returns responsibility
language sql stable set search_path = pg_catalog, public as $$
    select i.* from responsibility i
    where i.valid_from <= current_date and (i.valid_until is null or i.valid_until > current_date)
        and i.area in ('', 'city:' || in_city, 'district:' || in_district)
        and (kind = any(i.requests) or (i.requests = '{}' and i.rules = '{}' and i.families = '{}'))
    order by not kind = any(i.requests), split_part(i.area, ':', 1) <> 'district', split_part(i.area, ':', 1) <> 'city',
        i.code
    limit 1
$$;

create or replace function counter.open_request(told jsonb, word text) returns bigint
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    k request_kind; p record; i responsibility; rung jsonb; signs jsonb; seen uuid; n bigint;
    present timestamptz := clock_timestamp(); channel text := coalesce(told ->> 'channel', 'portal');
    words text := btrim(coalesce(told ->> 'description', ''));
begin
    if length(told::text) > 20000 or length(words) > 2000 then
        perform counter.refuse('HL001', 'description: say it in 2000 characters'); end if;
    if length(words) < 4 then perform counter.refuse('HL001', 'description: say in a few words what is wrong'); end if;
    if length(coalesce(word, '')) < 20 then perform counter.refuse('HL001', 'secret: 20 characters at least'); end if;
    if length(coalesce(told ->> 'phone', '')) > 40 or length(coalesce(told ->> 'email', '')) > 254 then
        perform counter.refuse('HL001', 'contact: too long'); end if;
    select * into k from request_kind r where r.code = told ->> 'kind' and r.valid_from <= current_date
        and (r.valid_until is null or r.valid_until > current_date);
    if not found then perform counter.refuse('HL001', 'kind: there is no such kind of request'); end if;
    select c.name, c.station, s.district, d.city into p from community c join station s on s.name = c.station
        join district d on d.name = s.district where c.name = told ->> 'community';
    if not found then perform counter.refuse('HL001', 'community: there is no community of this name'); end if;
    if channel <> 'clerk' and (select count(*) from request r where r.community = p.name
        and r.opened_at > present - interval '1 hour' and r.channel <> 'clerk') >= 60 then
        perform counter.refuse('HL002', 'many people of this community have reported within the last hour: join one of'
            ' their reports, or telephone'); end if;
    select * into i from counter.item(k.code, p.city, p.district);
    if i.code is null then perform counter.refuse('HL003', 'nobody answers for it: the responsibility list is empty'); end if;
    rung := k.ladder -> 0;
    select coalesce(jsonb_agg(jsonb_build_object('alarm', a.alarm_id, 'rule', a.rule, 'since', a.opened_at)
        order by a.opened_at), '[]') into signs
    from alarm a where a.station = p.station and a.rule = any(k.rules) and a.cleared_at is null;
    select m.incident_id into seen from incident_alarm m join incident x on x.incident_id = m.incident_id
        join alarm a on a.alarm_id = m.alarm_id
    where x.closed_at is null and a.station = p.station and a.rule = any(k.rules)
    order by x.scope like 'station:%', x.opened_at limit 1;
    insert into request (secret, kind, kind_from, community, station, district, city, description, attributes, language,
        phone, email, channel, state, state_at, body, rung, rung_since, rung_due, responsibility, responsibility_from,
        due_at, opened_at, accept_due, evidence, incident_id)
    values (counter.digest(word), k.code, k.valid_from, p.name, p.station, p.district, p.city, words,
        coalesce(told -> 'attributes', '{}'), case told ->> 'language' when 'en' then 'en' else 'zh' end,
        nullif(btrim(told ->> 'phone'), ''), nullif(btrim(told ->> 'email'), ''), channel, 'open', present,
        rung ->> 'body', 0, present, present + make_interval(secs => 3600 * (rung ->> 'hours')::float8), i.code, i.valid_from,
        present + make_interval(secs => 3600 * i.repair_h[2]), present,
        present + make_interval(secs => 3600 * (rung ->> 'hours')::float8), signs, seen)
    returning number into n;
    insert into request_event (number, what, at, actor, detail) values (n, 'opened', present,
        coalesce(told ->> 'actor', channel), jsonb_build_object('to', rung ->> 'body', 'rung', 0));
    if signs <> '[]' then
        insert into request_event (number, what, at, actor, detail) values (n, 'matched', present, 'system',
            jsonb_build_object('alarms', jsonb_array_length(signs)));
    end if;
    return n;
end $$;

-- What the portal may open: for its visitors and for programs, in nobody's name.
create or replace function counter.submit(told jsonb, word text) returns bigint
language sql security definer set search_path = pg_catalog, public as $$
    select counter.open_request(
        told - 'actor' || jsonb_build_object('channel', case told ->> 'channel' when 'api' then 'api' else 'portal' end),
        word)
$$;

-- Requests that are under way and may be the same trouble: of the kind and community, the likest words first.
create or replace function counter.similar(of_kind text, of_community text, words text) returns table (
    number bigint, kind text, state text, opened_at timestamptz, people bigint, likeness double precision
) language sql stable security definer set search_path = pg_catalog, public as $$
    select r.number, r.kind, r.state, r.opened_at,
        1 + (select count(*) from request_joiner j where j.number = r.number),
        counter.alike(left(words, 500), left(r.description, 500))
    from request r
    where r.community = of_community and r.kind = of_kind and r.state <> 'closed' and r.opened_at > now() - interval '7 days'
    order by 6 desc, 4 desc limit 5
$$;

create or replace function counter.join_in(to_number bigint, word text, told jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare present timestamptz := clock_timestamp();
begin
    perform from request r where r.number = to_number and r.state <> 'closed' for update;
    if not found then perform counter.refuse('HL004', 'this report is over, or there is none of this number'); end if;
    if length(coalesce(word, '')) < 20 or length(coalesce(told ->> 'email', '')) > 254 then
        perform counter.refuse('HL001', 'contact: too long'); end if;
    if (select count(*) from request_joiner j where j.number = to_number and j.at > present - interval '1 hour') >= 200 then
        perform counter.refuse('HL002', 'very many people have joined within the last hour'); end if;
    insert into request_joiner (number, secret, language, email, at) values (to_number, counter.digest(word),
        case told ->> 'language' when 'en' then 'en' else 'zh' end, nullif(btrim(told ->> 'email'), ''), present);
    insert into request_event (number, what, at, actor) values (to_number, 'joined', present, 'portal');
    update request set updated_at = present where number = to_number;
end $$;

-- A request as the holder of its word may see it; null for a wrong number or word, which are not told apart.
create or replace function counter.read(of_number bigint, word text) returns jsonb
language sql stable security definer set search_path = pg_catalog, public as $$
    select jsonb_build_object(
        'number', r.number, 'kind', r.kind, 'title_zh', k.title_zh, 'title_en', k.title_en, 'community', r.community,
        'community_zh', c.title_zh, 'community_en', c.title_en, 'timezone', y.timezone, 'state', r.state,
        'opened_at', r.opened_at, 'state_at', r.state_at, 'rung_due', r.rung_due, 'due_at', r.due_at, 'rung', r.rung,
        'ladder', (select jsonb_agg(jsonb_build_object('body', l ->> 'body', 'hours', l -> 'hours', 'zh', lb.title_zh,
            'en', lb.title_en) order by place) from jsonb_array_elements(k.ladder) with ordinality e (l, place)
            join body lb on lb.code = l ->> 'body'),
        'body', r.body, 'body_zh', b.title_zh, 'body_en', b.title_en, 'legal_zh', i.legal_zh, 'legal_en', i.legal_en,
        'item_zh', i.title_zh, 'item_en', i.title_en, 'description', case when mine then r.description end,
        'answer', r.answer, 'mine', mine, 'closed_at', r.closed_at, 'answered_at', r.answered_at,
        'alarms', jsonb_array_length(r.evidence),
        'people', 1 + (select count(*) from request_joiner j where j.number = r.number),
        'order', (select w.number from work_order w where w.work_order_id = r.work_order_id),
        'order_state', (select w.state from work_order w where w.work_order_id = r.work_order_id),
        'grade', case when mine then (select e.grade from evaluation e where e.number = r.number) end,
        'rectify_by', (select f.due_at from rectification f where f.number = r.number and f.done_at is null),
        'journal', (select coalesce(jsonb_agg(jsonb_build_object('what', v.what, 'at', v.at, 'detail', v.detail,
            'comment', case when v.what in ('answered', 'handed_up', 'handed_over', 'told', 'rectified')
                or (mine and v.what in ('reopened', 'added')) then v.comment end,
            'zh', vb.title_zh, 'en', vb.title_en) order by v.request_event_id), '[]')
            from request_event v left join body vb on vb.code = v.detail ->> 'to'
            where v.number = r.number and v.what not in ('noted', 'rated', 'called_back')))
    from (
        select q.*, true as mine from request q where q.number = of_number and q.secret = counter.digest(word)
        union all
        select q.*, false from request q join request_joiner j using (number)
        where q.number = of_number and j.secret = counter.digest(word)
        limit 1
    ) r
    join request_kind k on k.code = r.kind and k.valid_from = r.kind_from
    join community c on c.name = r.community join city y on y.name = r.city join body b on b.code = r.body
    join responsibility i on i.code = r.responsibility and i.valid_from = r.responsibility_from
$$;

-- What the reporter does: confirmed, reopened, added, rated. The pure life in application/requests says the same.
create or replace function counter.act(of_number bigint, word text, what text, told jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public as $$
declare r request; present timestamptz := clock_timestamp(); words text := nullif(btrim(told ->> 'comment'), ''); g integer;
    hours double precision;
begin
    select * into r from request q where q.number = of_number and q.secret = counter.digest(word) for update;
    if not found then perform counter.refuse('HL004', 'there is no request of this number and word'); end if;
    if length(coalesce(words, '')) > 2000 then perform counter.refuse('HL001', 'comment: say it in 2000 characters'); end if;
    if (select count(*) from request_event v where v.number = of_number and v.actor = 'reporter'
        and v.at > clock_timestamp() - interval '1 hour') >= 20 then
        perform counter.refuse('HL002', 'this is much at once: wait an hour'); end if;
    if what = 'confirmed' then
        if r.state <> 'answered' then perform counter.refuse('HL003', 'it is not answered'); end if;
        update request set state = 'closed', state_at = present, closed_at = present, updated_at = present where number = of_number;
    elsif what = 'reopened' then
        if not (r.state = 'answered' or (r.state = 'closed' and r.closed_at > present - interval '30 days')) then
            perform counter.refuse('HL003', 'it is under way, or was closed more than 30 days ago'); end if;
        if words is null then perform counter.refuse('HL001', 'comment: say what is still wrong'); end if;
        select (l ->> 'hours')::float8 into hours from request_kind k, jsonb_array_elements(k.ladder) l
        where k.code = r.kind and k.valid_from = r.kind_from and l ->> 'body' = r.body;
        update request set state = 'open', state_at = present, closed_at = null, answered_at = null, reopened = reopened + 1,
            rung_since = present, rung_due = present + make_interval(secs => 3600 * coalesce(hours, 24)), updated_at = present
        where number = of_number;
    elsif what = 'added' then
        if r.state = 'closed' then perform counter.refuse('HL003', 'it is closed: open it again'); end if;
        if words is null then perform counter.refuse('HL001', 'comment: there is nothing to add'); end if;
        update request set updated_at = present where number = of_number;
    elsif what = 'rated' then
        if r.state not in ('answered', 'closed') then perform counter.refuse('HL003', 'rate it when it is answered'); end if;
        if told ->> 'grade' is null or told ->> 'grade' !~ '^[1-5]$' then
            perform counter.refuse('HL001', 'grade: choose one of five'); end if;
        g := (told ->> 'grade')::integer;
        insert into evaluation (number, grade, comment, at, body) values (of_number, g, words, present, r.body)
            on conflict do nothing;
        if not found then
            insert into audit (actor, action, subject) values ('portal', 'second rating refused', 'request:' || of_number);
            return 'rated before';
        end if;
        if g <= 2 then
            insert into rectification (number, opened_at, opened_by, body, call_back_due, due_at) values (of_number, present,
                'rating', r.body, counter.working_days(present, 3), counter.working_days(present, 15)) on conflict do nothing;
        end if;
        words := null;
    else perform counter.refuse('HL001', 'what: confirmed, reopened, added or rated'); end if;
    insert into request_event (number, what, at, actor, comment, detail) values (of_number, what, present, 'reporter', words,
        case what when 'reopened' then jsonb_build_object('to', r.body, 'rung', r.rung) else '{}' end);
    return what;
end $$;

-- Requests as everybody may see them: what, where (no finer than the community), who has it, since when, until when.
create or replace function counter.listed(
    numbers bigint[], kinds text[], since timestamptz, until timestamptz, is_open boolean, in_city text, most integer,
    start integer, by_update boolean default false
) returns table (
    number bigint, kind text, title_zh text, title_en text, state text, community text, community_zh text,
    community_en text, district_zh text, district_en text, city text, lat double precision, lon double precision,
    body text, body_zh text, body_en text, rung integer, opened_at timestamptz, updated_at timestamptz,
    due_at timestamptz, rung_due timestamptz, closed_at timestamptz, people bigint
) language sql stable security definer set search_path = pg_catalog, public as $$
    select r.number, r.kind, k.title_zh, k.title_en, r.state, r.community, c.title_zh, c.title_en, d.title_zh, d.title_en,
        r.city, round(c.lat::numeric, 3)::float8, round(c.lon::numeric, 3)::float8, r.body, b.title_zh, b.title_en, r.rung,
        date_trunc('minute', r.opened_at), date_trunc('minute', r.updated_at), date_trunc('minute', r.due_at),
        date_trunc('minute', r.rung_due), date_trunc('minute', r.closed_at),
        1 + (select count(*) from request_joiner j where j.number = r.number)
    from request r join request_kind k on k.code = r.kind and k.valid_from = r.kind_from
    join community c on c.name = r.community join district d on d.name = r.district join body b on b.code = r.body
    where (numbers is null or r.number = any(numbers)) and (kinds is null or r.kind = any(kinds))
        and (since is null or case when by_update then r.updated_at else r.opened_at end >= since)
        and (until is null or case when by_update then r.updated_at else r.opened_at end <= until)
        and (is_open is null or is_open = (r.state <> 'closed')) and (in_city is null or r.city = in_city)
    order by case when by_update then r.updated_at else r.opened_at end desc, r.number desc
    limit least(most, 1000) offset greatest(start, 0)
$$;

-- What happened to requests, without anybody's words: for programs that follow them.
create or replace function counter.updates(since timestamptz, until timestamptz, most integer, start integer) returns table (
    id bigint, number bigint, what text, at timestamptz, zh text, en text
) language sql stable security definer set search_path = pg_catalog, public as $$
    select v.request_event_id, v.number, v.what, date_trunc('minute', v.at), b.title_zh, b.title_en
    from request_event v left join body b on b.code = v.detail ->> 'to'
    where v.what in ('opened', 'accepted', 'started', 'answered', 'handed_up', 'handed_over', 'escalated', 'confirmed',
        'expired', 'reopened', 'rectified') and v.at >= since and v.at <= until
    order by v.at, v.request_event_id limit least(most, 1000) offset greatest(start, 0)
$$;

-- The community nearest to a position, within 3 km.
create or replace function counter.nearest(at_lat double precision, at_lon double precision) returns text
language sql stable security definer set search_path = pg_catalog, public as $$
    select name from (
        select c.name, 111.2 * sqrt((c.lat - at_lat) ^ 2 + ((c.lon - at_lon) * cos(radians(at_lat))) ^ 2) km
        from community c where c.lat is not null and c.lon is not null
    ) n where km <= 3 order by km limit 1
$$;

create or replace function counter.key_known(key text) returns text
language sql stable security definer set search_path = pg_catalog, public as $$
    select name from request_key where hash = counter.digest(key) and revoked_at is null
$$;

-- Counts behind scorecards: per body that has or had it at its answer, of the requests that came in during a month.
create or replace function counter.score(of_area text, of_month date) returns table (
    body text, title_zh text, title_en text, requests bigint, response_good bigint, response_n bigint,
    on_time_good bigint, on_time_n bigint, resolution_good bigint, resolution_n bigint, satisfaction_good bigint,
    satisfaction_n bigint, repeat_good bigint, repeat_n bigint, reopen_good bigint, reopen_n bigint,
    unowned_h_good double precision, unowned_h_n bigint, bounces_good bigint, bounces_n bigint
) language sql stable security definer set search_path = pg_catalog, public as $$
    select b.code, b.title_zh, b.title_en, count(*),
        count(*) filter (where r.accepted_at <= r.accept_due),
        count(*) filter (where r.accepted_at is not null or r.accept_due < now()),
        count(*) filter (where r.answered_at <= r.due_at),
        count(*) filter (where r.answered_at is not null or r.due_at < now()),
        count(*) filter (where r.state = 'closed'),
        count(*) filter (where r.state = 'closed' or r.reopened > 0),
        count(*) filter (where e.grade >= 3), count(e.grade),
        count(*) filter (where exists (select from request o where o.community = r.community and o.kind = r.kind
            and o.number <> r.number and o.closed_at between r.opened_at - interval '30 days' and r.opened_at)),
        count(*),
        count(*) filter (where r.reopened > 0), count(*) filter (where r.answered_at is not null or r.reopened > 0),
        coalesce(sum(extract(epoch from coalesce(r.accepted_at, now()) - r.opened_at) / 3600), 0)::float8, count(*),
        coalesce(sum(r.bounces), 0)::bigint, count(*)
    from request r join body b on b.code = r.body join city y on y.name = r.city left join evaluation e using (number)
    where of_area in ('', 'city:' || r.city, 'district:' || r.district)
        and r.opened_at >= of_month::timestamp at time zone y.timezone
        and r.opened_at < (of_month + interval '1 month')::timestamp at time zone y.timezone
    group by b.code, b.title_zh, b.title_en
$$;

revoke all on all functions in schema counter from public;

do $$
begin
    if exists (select from pg_roles where rolname = 'hearthline_portal') then
        grant usage on schema counter to hearthline_portal;
        grant execute on function counter.kinds, counter.submit, counter.similar, counter.join_in, counter.read, counter.act,
            counter.listed, counter.updates, counter.nearest, counter.key_known, counter.score to hearthline_portal;
    end if;
end $$;
