"""Firmware published for others by a local controller of 2.x, acted out (part 2 L03, L04)."""

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.trains import DOWNLOAD_S, VERIFY_S, tell
from ocppj.frames import Payload

ACTION = "PublishFirmwareStatusNotification"


def publish(cp: ChargePoint, payload: Payload) -> Payload:
    """PublishFirmware: Accepted, and then downloaded, checked and published."""
    checksum, location, more = payload["checksum"].casefold(), payload["location"], {"requestId": payload["requestId"]}
    timer = f"publish {checksum}"
    cp.kept.published[checksum] = False
    tell(cp, ACTION, "Downloading", more)

    def downloaded() -> None:
        if "fail" in location:
            give_up("DownloadFailed")
            return
        tell(cp, ACTION, "Downloaded", more)
        cp.after(timer, VERIFY_S, verified)

    def verified() -> None:
        if "forged" in location:
            give_up("InvalidChecksum")
            return
        tell(cp, ACTION, "ChecksumVerified", more)
        cp.kept.published[checksum] = True
        tell(cp, ACTION, "Published", more | {"location": [f"http://{cp.setup.identity}.example/{checksum}"]})

    def give_up(status: str) -> None:
        del cp.kept.published[checksum]
        tell(cp, ACTION, status, more)

    cp.after(timer, DOWNLOAD_S, downloaded)
    return {"status": "Accepted"}


def unpublish(cp: ChargePoint, payload: Payload) -> Payload:
    """UnpublishFirmware."""
    checksum = payload["checksum"].casefold()
    is_published = cp.kept.published.get(checksum)
    if is_published:
        del cp.kept.published[checksum]
    words = {None: "NoFirmware", False: "DownloadOngoing", True: "Unpublished"}
    return {"status": words[is_published]}
