"""What ops people do and see: orders, work by hand on single touches, signs of life, the view of it all, and the doctor."""

from engine.pipeline.ops.by_hand import retry, settle
from engine.pipeline.ops.checkup import Check, doctor
from engine.pipeline.ops.gauges import Gauge, gauges
from engine.pipeline.ops.life import Sign, farewell, is_alive, look_around, open_work, sign_of_life
from engine.pipeline.ops.orders import nearest_account, pause, plain_address, resume, suppress, unsuppress
from engine.pipeline.ops.view import Status, failures, lateness, queue, refused, sources, status
from engine.pipeline.restored import declare, release

__all__ = [
    "Check",
    "Gauge",
    "Sign",
    "Status",
    "declare",
    "doctor",
    "failures",
    "farewell",
    "gauges",
    "is_alive",
    "lateness",
    "look_around",
    "nearest_account",
    "open_work",
    "pause",
    "plain_address",
    "queue",
    "refused",
    "release",
    "resume",
    "retry",
    "settle",
    "sign_of_life",
    "sources",
    "status",
    "suppress",
    "unsuppress",
]
