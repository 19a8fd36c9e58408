"""``sealer check``: whether hosts are fit, what is the matter with them, and mending it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, driving_flags, host_options
from sealer.cli.options import confirm, ignore_option, login_options, output_option, yes_option
from sealer.cli.output import Format, print_document, print_rows
from sealer.cli.plans import dry_run_option, print_plan
from sealer.errors import ChecksFailed, UsageError

if TYPE_CHECKING:
    from sealer.cluster.checking import Question, Report
    from sealer.model import Finding


@click.command()
@click.argument("image", required=False)
@login_options
@click.option("-e", "--env", multiple=True, metavar="K=V", help="Environment, over the image's.")
@ignore_option
@click.option("--post", is_flag=True, help="Check a cluster that runs; in place of IMAGE, its name.")
@click.option("--list", "listing", is_flag=True, help="Print all checks there are, and ask no host.")
@click.option("--fix", is_flag=True, help="Mend what can be mended safely; sealer delete takes it back.")
@dry_run_option
@yes_option
@output_option()
@host_options
@pass_application
def check(
    application: Application,
    /,
    image: str | None,
    *,
    post: bool,
    listing: bool,
    fix: bool,
    dry_run: bool,
    yes: bool,
    output: Format,
    **flags: Any,
) -> None:
    """Make all host checks at once, as before running a cluster IMAGE; without one those that need none.

    With --post, a cluster that runs is checked instead: its nodes, services, pods, names and registry.

    The exit code is 0 when the hosts are fit, and 3 when they are not. With --fix, --dry-run shows what would
    be mended.
    """
    if listing:
        _print_catalogue(application, output, post=post)
        return
    if post:
        _check_running(application, image, output, flags, others=fix or dry_run)
        return
    question = _question(image, flags)
    if dry_run and not fix:
        raise UsageError("--dry-run goes with --fix", hint="checks alone change nothing")
    report = _ask(application, question, flags, dry=dry_run)
    if fix and report.mends:
        from sealer.cluster.mending import mending_outlook

        print_plan(mending_outlook(question.clusterfile.cluster.name, report.mends), err=True)
    if fix and report.mends and not dry_run:
        confirm(f"Mend this on the hosts of cluster {question.clusterfile.cluster.name}?", yes=yes)
        _mend(application, report, flags)
        report = _ask(application, question, flags)
    _print_report(report, output)


def _check_running(
    application: Application, cluster: str | None, output: Format, flags: dict[str, Any], *, others: bool
) -> None:
    from sealer.cluster.health import check_health
    from sealer.cluster.state import choose_cluster

    if others or flags["masters"] or flags["nodes"] or flags["clusterfile"]:
        raise UsageError(
            "--post is about a cluster that is known here, and changes nothing",
            hint="sealer check --post, with the cluster's name when there are several",
        )
    records = choose_cluster(application.home, cluster or flags["cluster_name"])
    report = drive(
        application,
        lambda context: check_health(context, records, flags["ignore"]),
        **driving_flags(flags),
    )
    _print_report(report, output)


def _print_report(report: Report, output: Format) -> None:
    if output is Format.TABLE:
        click.echo(report_text(report))
    else:
        print_document(report.to_plain(), output)
    if not report.fit:
        raise click.exceptions.Exit(ChecksFailed.exit_code)


def report_text(report: Report) -> str:
    """Write a report for people: the findings that hosts have in common together, then the sum."""
    from sealer.cluster.checks import group
    from sealer.model import Severity

    by_hosts: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for finding, hosts in group(report.findings):
        by_hosts[hosts].append(finding)
    mendable = {(mend.finding.check, mend.finding.host) for mend in report.mends}
    lines: list[str] = []
    for hosts, findings in by_hosts.items():
        lines.append(", ".join(hosts))
        for finding in findings:
            lines += _finding_lines(finding, mendable=(finding.check, hosts[0]) in mendable)
        lines.append("")
    counts = (
        _count(report.count(Severity.ERROR), "error"),
        _count(report.count(Severity.WARNING), "warning"),
        f"{report.count(Severity.NOT_CHECKED)} not checked",
    )
    verdict = "fit" if report.fit else "unfit"
    made = f"{_count(len(report.checks), 'check')} on {_count(len(report.hosts), 'host')}"
    left_out = f", ignored: {', '.join(report.ignored)}" if report.ignored else ""
    lines.append(f"{verdict}: {', '.join(counts)}; {made}{left_out}")
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _finding_lines(finding: Finding, *, mendable: bool) -> list[str]:
    from sealer.model import Severity

    head = f"  {finding.severity!s:<12} {finding.check}"
    if finding.severity is Severity.NOT_CHECKED:
        return [head, f"      reason  {finding.found}"]
    hint = "   (sealer check --fix does it)" if mendable else ""
    return [
        head,
        f"      found   {finding.found}",
        f"      wanted  {finding.wanted}",
        f"      mend    {finding.mend}{hint}",
    ]


def _print_catalogue(application: Application, output: Format, *, post: bool) -> None:
    from sealer.cluster.catalogue import catalogue

    rows = [
        {
            "id": entry.check.id,
            "severity": str(entry.check.severity),
            "strict": "strict" if entry.check.strict else "",
            "reason": entry.check.strict,
            "mend": "--fix" if entry.is_mendable else "",
            "image": "needed" if entry.check.needs_image or entry.provider != "core" else "",
            "when": "running" if entry.running else "before",
            "subject": entry.subject,
            "provider": entry.provider,
            "title": entry.check.title,
        }
        for entry in catalogue(application.plugins())
        if entry.running or not post
    ]
    print_rows(rows, ("id", "severity", "strict", "mend", "when", "subject", "provider", "title"), output)


def _question(image: str | None, flags: dict[str, Any]) -> Question:
    from sealer.cli.describing import describe_cluster
    from sealer.cluster.checking import Question

    clusterfile = describe_cluster(flags)
    reference = image or clusterfile.cluster.image or ""
    return Question(clusterfile=clusterfile, reference=reference, ignore=flags["ignore"])


def _ask(application: Application, question: Question, flags: dict[str, Any], *, dry: bool = False) -> Report:
    from sealer.cluster.checking import check_hosts

    return drive(application, lambda context: check_hosts(context, question), **driving_flags(flags), dry=dry)


def _mend(application: Application, report: Report, flags: dict[str, Any]) -> None:
    from sealer.cluster.mending import mend_hosts

    drive(
        application,
        lambda context: mend_hosts(context, report.request, report.mends),
        **driving_flags(flags),
    )
