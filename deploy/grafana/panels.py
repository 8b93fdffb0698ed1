"""The dashboards, panel by panel."""

from typing import Final

from drawing import RATE, Dashboard, Panel, quantile, quantiles, rate, stat

INTAKE: Final = Dashboard(
    "strato-intake",
    "Stratoscope / Intake",
    "From the log into the projection.",
    [
        stat("Messages taken in", "cps", rate("strato_projector_messages_total")),
        stat(
            "Messages behind",
            "short",
            "max(strato_projector_lag_messages)",
            "Of the slowest partition.",
        ),
        stat(
            "Time behind",
            "s",
            "max(strato_projector_lag_seconds)",
            "How long the first message that is not projected yet has been waiting.",
            thresholds=(30, 600),
        ),
        stat(
            "Partitions held",
            "short",
            "sum(strato_projector_partitions_held)",
            "Of 16.",
            at_least=16,
        ),
        Panel(
            "Records taken in",
            "cps",
            [(rate("strato_projector_records_total", "kind", '{outcome="taken"}'), "{{kind}}")],
            "A patch is counted beside the event that brought it.",
        ),
        Panel("Bytes taken in", "Bps", [(rate("strato_projector_message_bytes_total"), "bytes")]),
        Panel(
            "Duplicates",
            "cps",
            [(rate("strato_projector_records_total", "kind", '{outcome="duplicate"}'), "{{kind}}")],
            "Records that were sent again; they change nothing.",
        ),
        Panel("Messages a batch", "short", quantiles("strato_projector_batch_messages")),
        Panel(
            "Stages of a batch, p99",
            "s",
            [(quantile(0.99, "strato_projector_stage_seconds", "stage"), "{{stage}}")],
        ),
        Panel(
            "Share of time in each stage",
            "percentunit",
            [
                (
                    rate("strato_projector_stage_seconds_sum", "stage, instance"),
                    "{{stage}} {{instance}}",
                )
            ],
            "A commit overlaps with the next batch, so the sum may be over 100 %.",
        ),
        Panel(
            "Messages behind, by partition",
            "short",
            [("max by (partition) (strato_projector_lag_messages)", "{{partition}}")],
        ),
        Panel(
            "Time behind, by partition",
            "s",
            [("max by (partition) (strato_projector_lag_seconds)", "{{partition}}")],
        ),
        Panel(
            "End of the log and checkpoints",
            "short",
            [
                ("max(strato_projector_log_last_stream_seq)", "end of the log"),
                ("min(strato_projector_checkpoint_stream_seq)", "slowest checkpoint"),
            ],
        ),
    ],
)

QUERIES: Final = Dashboard(
    "strato-queries",
    "Stratoscope / Queries",
    "What the navigators answer, and how long it takes.",
    [
        stat("Requests", "reqps", rate("strato_navigator_requests_total")),
        stat(
            "Internal errors",
            "percentunit",
            f'(sum(rate(strato_navigator_requests_total{{code="internal"}}[{RATE}])) or vector(0))'
            f" / {rate('strato_navigator_requests_total')}",
            thresholds=(0.001, 0.01),
        ),
        stat(
            "Requests, p99",
            "s",
            quantile(0.99, "strato_navigator_request_seconds"),
            thresholds=(0.5, 1),
        ),
        stat("Active sessions", "short", 'max(strato_navigator_sessions{state="active"})'),
        Panel(
            "Requests by verb",
            "reqps",
            [(rate("strato_navigator_requests_total", "verb"), "{{verb}}")],
        ),
        Panel(
            "Replies by code",
            "reqps",
            [(rate("strato_navigator_requests_total", "code"), "{{code}}")],
            "All but ok and internal are the asker's to mend.",
        ),
        Panel("Time to answer", "s", quantiles("strato_navigator_request_seconds")),
        Panel(
            "Time to answer by verb, p99",
            "s",
            [(quantile(0.99, "strato_navigator_request_seconds", "verb"), "{{verb}}")],
        ),
        Panel(
            "Time to answer by verb, mean",
            "s",
            [
                (
                    f"{rate('strato_navigator_request_seconds_sum', 'verb')}"
                    f" / {rate('strato_navigator_request_seconds_count', 'verb')}",
                    "{{verb}}",
                )
            ],
        ),
        Panel(
            "Requests answered at a time",
            "short",
            [(rate("strato_navigator_request_seconds_sum", "instance"), "{{instance}}")],
            "On average, by replica.",
        ),
        Panel(
            "States rebuilt",
            "cps",
            [(rate("strato_navigator_rebuilt_state_blobs_count"), "states")],
        ),
        Panel(
            "Blobs a state was rebuilt from",
            "short",
            quantiles("strato_navigator_rebuilt_state_blobs"),
            "Nine at most.",
        ),
        Panel(
            "Sessions by state",
            "short",
            [("max by (state) (strato_navigator_sessions)", "{{state}}")],
        ),
    ],
)

BREAKPOINTS: Final = Dashboard(
    "strato-breakpoints",
    "Stratoscope / Breakpoints",
    "What is watched for, what was hit, and who is held for it.",
    [
        stat("Breakpoints armed", "short", "sum(strato_navigator_breakpoints_armed)"),
        stat(
            "Partitions watched",
            "short",
            "sum(strato_navigator_partitions_watched)",
            "Of 16.",
            at_least=16,
        ),
        stat(
            "Record to hit, p99",
            "s",
            quantile(0.99, "strato_navigator_breakpoint_hit_seconds"),
            thresholds=(0.1, 0.25),
        ),
        stat("Agents held", "short", "max(strato_navigator_held_agents)"),
        Panel(
            "Hits",
            "cps",
            [(rate("strato_navigator_breakpoint_hits_total", "action"), "{{action}}")],
        ),
        Panel("From record to hit", "s", quantiles("strato_navigator_breakpoint_hit_seconds")),
        Panel(
            "Judgements",
            "cps",
            [(rate("strato_navigator_breakpoint_evaluations_total", "instance"), "{{instance}}")],
            "Times that a breakpoint was judged at a record.",
        ),
        Panel(
            "Expressions stopped",
            "cps",
            [(rate("strato_navigator_breakpoint_expression_errors_total"), "stopped")],
        ),
        Panel(
            "Gaps read from the database",
            "cps",
            [(rate("strato_navigator_breakpoint_gaps_total"), "gaps")],
            "What the projectors' news did not tell.",
        ),
        Panel(
            "Breakpoints armed, by replica",
            "short",
            [("sum by (instance) (strato_navigator_breakpoints_armed)", "{{instance}}")],
        ),
        Panel(
            "Agents held",
            "short",
            [
                ("max(strato_navigator_held_agents)", "held"),
                ("max(strato_navigator_waiting_agents)", "waiting at their gate"),
            ],
        ),
        Panel(
            "Gates answered",
            "cps",
            [(rate("strato_navigator_gate_answers_total", "answer"), "{{answer}}")],
        ),
        Panel("Time at a gate", "s", quantiles("strato_navigator_gate_seconds")),
        Panel(
            "Holds that ended by themselves",
            "cps",
            [(rate("strato_navigator_holds_released_total", "reason"), "{{reason}}")],
        ),
    ],
)

_RATIO: Final = "strato_projector_log_bytes) / min(strato_projector_log_limit_bytes)"

STORAGE: Final = Dashboard(
    "strato-storage",
    "Stratoscope / Storage",
    "What the log and the database take, and what deltas and retention spare.",
    [
        stat("Log", "bytes", "max(strato_projector_log_bytes)"),
        stat(
            "Log, of its limit",
            "percentunit",
            f"max({_RATIO}",
            "0 where there is none.",
            thresholds=(0.85, 0.95),
        ),
        stat("Database", "bytes", "max(strato_projector_database_bytes)"),
        stat(
            "Delta ratio",
            "percentunit",
            "sum(strato_projector_state_stored_bytes_total)"
            " / sum(strato_projector_state_raw_bytes_total)",
            "Stored over raw bytes of all states since the projectors' start: less is better.",
        ),
        Panel(
            "Size",
            "bytes",
            [
                ("max(strato_projector_log_bytes)", "log"),
                ("max(strato_projector_database_bytes)", "database"),
            ],
        ),
        Panel(
            "Growth",
            "Bps",
            [
                ("max(deriv(strato_projector_log_bytes[30m]))", "log"),
                ("max(deriv(strato_projector_database_bytes[30m]))", "database"),
            ],
        ),
        Panel(
            "States",
            "Bps",
            [
                (rate("strato_projector_state_raw_bytes_total"), "spelled out"),
                (rate("strato_projector_state_stored_bytes_total"), "stored"),
            ],
        ),
        Panel(
            "Rows dropped by retention",
            "cps",
            [
                (rate("strato_projector_retention_dropped_total", "kind"), "{{kind}}"),
                (rate("strato_navigator_breakpoint_hits_dropped_total"), "hit"),
            ],
        ),
        Panel(
            "Agents over their limits",
            "short",
            [("max(strato_projector_retention_held)", "kept by open sessions")],
        ),
        Panel(
            "Bases kept",
            "cps",
            [(rate("strato_projector_bases_total"), "bases")],
            "Of agents whose records the log is about to lose.",
        ),
    ],
)

_BOTH: Final = '{job=~"stratoscope-.*"}'

RELIABILITY: Final = Dashboard(
    "strato-reliability",
    "Stratoscope / Reliability",
    "Whether everything is there, and what went wrong.",
    [
        stat("Processes up", "short", f"sum(up{_BOTH})"),
        stat("Projectors halted", "short", "sum(strato_projector_halted)", thresholds=(1, 1)),
        stat(
            "Alerts firing",
            "short",
            'count(ALERTS{alertstate="firing", alertname=~"Stratoscope.*"}) or vector(0)',
            thresholds=(1, 3),
        ),
        stat(
            "Dead letters in a day",
            "short",
            "sum(increase(strato_projector_dead_letters_total[1d]))",
            thresholds=(1, 100),
        ),
        Panel("Up", "short", [(f"up{_BOTH}", "{{job}} {{instance}}")]),
        Panel(
            "Dead letters",
            "cps",
            [(rate("strato_projector_dead_letters_total", "reason"), "{{reason}}")],
        ),
        Panel(
            "Starts again from the checkpoints",
            "short",
            [
                (
                    "sum by (reason) (increase(strato_projector_pipeline_restarts_total[10m]))",
                    "{{reason}}",
                )
            ],
            "In ten minutes.",
        ),
        Panel(
            "Partitions held",
            "short",
            [("sum by (instance) (strato_projector_partitions_held)", "{{instance}}")],
        ),
        Panel(
            "Since log and database were looked at",
            "s",
            [("strato_projector_seconds_without_look", "{{instance}}")],
        ),
        Panel(
            "Processes by version",
            "short",
            [
                ("count by (version) (strato_projector_build_info)", "projector {{version}}"),
                ("count by (version) (strato_navigator_build_info)", "navigator {{version}}"),
            ],
        ),
        Panel(
            "Processors used",
            "short",
            [(f"rate(process_cpu_seconds_total{_BOTH}[{RATE}])", "{{job}} {{instance}}")],
        ),
        Panel(
            "Memory",
            "bytes",
            [(f"process_resident_memory_bytes{_BOTH}", "{{job}} {{instance}}")],
        ),
        Panel(
            "Files open, of those allowed",
            "percentunit",
            [(f"process_open_fds{_BOTH} / process_max_fds", "{{job}} {{instance}}")],
        ),
    ],
)

DASHBOARDS: Final = (INTAKE, QUERIES, BREAKPOINTS, STORAGE, RELIABILITY)
