"""Everything that handles a secret of an account, with secrets that are easy to find."""

from tests.ras_server.client import BORIS, Answer, Client, come_back, verifier
from tests.ras_server.sockets import started

ANNA = "anna.canary@example.org"
PASSWORD = "canary password 4711"


async def use_everything(client: Client) -> tuple[set[str], list[Answer]]:
    """Go through everything that handles a secret; return the secrets, and the refusals."""
    refusals = []
    await client.register(ANNA, PASSWORD)
    await client.register(BORIS, PASSWORD)
    refusals.append(await client.register(ANNA, PASSWORD))
    refusals.append((await client.prove(ANNA, PASSWORD + "!"))[1])
    trust = (await client.log_in(ANNA, PASSWORD, trust=True)).data["trust_token"]
    tokens = dict(client.tokens)
    renewed = await client.post("/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    made = await client.post("/v1/gateways", {"name": "H", "kind": "phone", "version": "1"})
    gateway = await client.another().log_in_gateway(made.data)
    rotated = await gateway.post(f"/v1/gateways/{gateway.gateway_id}/rotate")
    async with started(gateway):
        pass
    app = (await client.post("/v1/users/me/totp")).data
    refusals.append(await client.post("/v1/users/me/totp/confirm", {"code": app["secret"]}))
    fast_token = (await client.post("/v1/auth/fast")).data["fast_token"]
    refusals.append(await come_back(client, fast_token + "x", ANNA))
    back = (await come_back(client, fast_token, ANNA)).data
    guess = {"gateway_id": gateway.gateway_id, "gateway_secret": rotated.data["gateway_secret"][1:]}
    refusals.append(await client.post("/v1/auth/gateway", guess))
    wrong = verifier(PASSWORD) | {"iterations": 1}
    fields = {"account": {"type": "email", "value": ANNA}, "scram": wrong, "verification_code": 7}
    refusals.append(await client.post("/v1/users/register", fields))
    refusals.append(await client.another(tokens["access_token"] + "x").get("/v1/users/me"))
    proved = await client.verified(BORIS, "reset")
    reset = verifier(PASSWORD)
    await client.post("/v1/users/reset", proved | {"scram": reset})
    refusals.append(
        await client.post("/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    )
    secrets = {
        PASSWORD,
        trust,
        tokens["access_token"],
        tokens["refresh_token"],
        renewed.data["access_token"],
        renewed.data["refresh_token"],
        made.data["gateway_secret"],
        rotated.data["gateway_secret"],
        reset["stored_key"],
        reset["server_key"],
        str(gateway.token),
        app["secret"],
        *app["recovery_codes"],
        fast_token,
        back["fast_token"],
        back["access_token"],
    }
    assert all(refusal.body["status"] == 1 for refusal in refusals)
    return secrets, refusals
