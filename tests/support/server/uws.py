"""The addresses below ``async``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from stellarnb.errors import InvalidInput
from tests.support.server.calls import ServerCall, ServerReply, UnknownPath
from tests.support.server.jobs import Jobs, ServerJob

__all__ = ["answer_async", "create_job", "delete_jobs"]

_SPACE = (
    'xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="1.1"'
)
_MAX_WAIT = 60.0


def create_job(jobs: Jobs, call: ServerCall) -> ServerReply:
    """Make a job, run it where PHASE=RUN is given, and send the client there."""
    job = jobs.make(call)
    if call.get("PHASE"):
        jobs.change_phase(job, call.get("PHASE").upper(), call.base)
    return _see(_home(job, call))


def delete_jobs(jobs: Jobs, call: ServerCall) -> ServerReply:
    """Destroy the jobs of JOB_IDS, as Gaia's archive does it."""
    for key in call.get("JOB_IDS").split(","):
        jobs.destroy(jobs.get(key.strip()))
    return ServerReply(b"OK")


def answer_async(jobs: Jobs, call: ServerCall) -> ServerReply:
    """Answer a request for the list of jobs, a job, or a part of one."""
    key, _, part = call.path.strip("/").partition("/")
    if not key:
        return _list(jobs, call)
    job = jobs.get(key)
    if call.method == "DELETE" or call.get("ACTION").upper() == "DELETE":
        jobs.destroy(job)
        return _see(f"{call.base}/tap-server/tap/async")
    if call.method == "POST":
        return _change(jobs, job, part, call)
    return _read(job, part, call)


def _change(jobs: Jobs, job: ServerJob, part: str, call: ServerCall) -> ServerReply:
    if part == "phase":
        jobs.change_phase(job, call.get("PHASE").upper(), call.base)
    elif part == "executionduration":
        job.duration = int(_digits(call.get("EXECUTIONDURATION")))
    elif part == "destruction":
        job.destruction = _time(call.get("DESTRUCTION"))
    elif part in {"", "parameters"}:
        if job.phase != "PENDING":
            raise InvalidInput(f"The job is {job.phase}; only a PENDING one can be changed.")
        job.params.update({name: list(values) for name, values in call.params.items()})
        job.files.update(call.files)
    else:
        raise UnknownPath(f"There is nothing to change at {part!r}.")
    return _see(_home(job, call))


def _read(job: ServerJob, part: str, call: ServerCall) -> ServerReply:
    if part == "":
        _wait(job, call)
        return _xml(_job(job, call, "job", f" {_SPACE}"))
    if part == "results/result":
        return _result(job)
    if part == "error" and job.phase == "ERROR" and job.reply is not None:
        return replace(job.reply, status=200)
    space = f" {_SPACE}"
    documents = {"results": _results(job, call, space), "parameters": _parameters(job, space)}
    if part in documents:
        return _xml(documents[part])
    texts = {
        "phase": job.phase,
        "quote": "",
        "owner": "anonymous",
        "executionduration": str(job.duration),
        "destruction": _stamp(job.destruction),
    }
    texts |= {f"parameters/{name.lower()}": values[-1] for name, values in job.params.items()}
    if part.lower() in texts:
        return ServerReply(texts[part.lower()].encode())
    raise UnknownPath(f"The job has no {part!r}.")


def _wait(job: ServerJob, call: ServerCall) -> None:
    """Let WAIT= block while the job is in the phase of PHASE=, or in the one that it has now."""
    wait = call.get("WAIT")
    if wait:
        seconds = _MAX_WAIT if wait == "-1" else float(_digits(wait))
        job.wait(min(seconds, _MAX_WAIT), call.get("PHASE", job.phase).upper())


def _result(job: ServerJob) -> ServerReply:
    if job.phase == "ERROR" and job.reply is not None:
        return job.reply
    if job.phase != "COMPLETED" or job.reply is None:
        raise UnknownPath(f"There is no result: the job is {job.phase}.")
    return job.reply


def _list(jobs: Jobs, call: ServerCall) -> ServerReply:
    phases = {phase.upper() for phase in call.params.get("PHASE", [])}
    chosen = [job for job in jobs.all() if not phases or job.phase in phases]
    if call.get("AFTER"):
        after = _time(call.get("AFTER"))
        chosen = [job for job in chosen if job.created > after]
    if call.get("LAST"):
        chosen = chosen[: int(_digits(call.get("LAST")))]
    references = "".join(
        f'<uws:jobref id="{job.id}" xlink:href="{_home(job, call)}">'
        f"<uws:phase>{job.phase}</uws:phase><uws:ownerId>anonymous</uws:ownerId>"
        f"<uws:creationTime>{_stamp(job.created)}</uws:creationTime></uws:jobref>"
        for job in chosen
    )
    return _xml(f"<uws:jobs {_SPACE}>{references}</uws:jobs>")


def _job(job: ServerJob, call: ServerCall, tag: str, space: str) -> str:
    def time(name: str, value: datetime | None) -> str:
        return f"<uws:{name}>{_stamp(value)}</uws:{name}>" if value else ""

    error = ""
    if job.phase == "ERROR":
        error = (
            '<uws:errorSummary type="fatal" hasDetail="true">'
            f"<uws:message>{escape(job.message)}</uws:message></uws:errorSummary>"
        )
    run = job.params.get("RUNID", [""])[-1]
    run_id = f"<uws:runId>{escape(run)}</uws:runId>" if run else ""
    results = _results(job, call, "") if job.phase == "COMPLETED" else ""
    return (
        f"<uws:{tag}{space}><uws:jobId>{job.id}</uws:jobId>{run_id}"
        f"<uws:ownerId>anonymous</uws:ownerId><uws:phase>{job.phase}</uws:phase>"
        f'<uws:quote xsi:nil="true"/>{time("creationTime", job.created)}'
        f"{time('startTime', job.started)}{time('endTime', job.ended)}"
        f"<uws:executionDuration>{job.duration}</uws:executionDuration>"
        f"{time('destruction', job.destruction)}{_parameters(job, '')}{results}{error}</uws:{tag}>"
    )


def _results(job: ServerJob, call: ServerCall, space: str) -> str:
    inside = ""
    if job.phase == "COMPLETED" and job.reply is not None:
        where = f"{_home(job, call)}/results/result"
        media = quoteattr(job.reply.media)
        inside = f'<uws:result id="result" mime-type={media} xlink:href="{where}"/>'
    return f"<uws:results{space}>{inside}</uws:results>"


def _parameters(job: ServerJob, space: str) -> str:
    inside = "".join(
        f"<uws:parameter id={quoteattr(name.lower())}>{escape(values[-1])}</uws:parameter>"
        for name, values in job.params.items()
    )
    return f"<uws:parameters{space}>{inside}</uws:parameters>"


def _home(job: ServerJob, call: ServerCall) -> str:
    return f"{call.base}/tap-server/tap/async/{job.id}"


def _see(where: str) -> ServerReply:
    return ServerReply(b"", "text/plain", 303, {"Location": where})


def _stamp(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a time; write 2030-01-31T12:00:00Z.") from error
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _digits(text: str) -> str:
    if not text.isdigit():
        raise InvalidInput(f"{text!r} is not an integer.")
    return text


def _xml(text: str) -> ServerReply:
    return ServerReply(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode(), "text/xml")
