"""Asks a sidecar for a decision over gRPC, with messages that are learned by reflection.

    check.py ADDRESS AGENT ACTOR SERVER TOOL [ARGUMENTS]

Needs grpcio, grpcio-reflection and grpcio-status. Exits with 0 for an allow, 1 for a denial or when a person has to approve, 2 when there
is no decision.
"""

import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status


def main(address, agent, actor, server, tool, arguments=""):
    channel = grpc.insecure_channel(address)
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    message = lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"cedarpost.v1.{name}"))
    decision = pool.FindEnumTypeByName("cedarpost.v1.Decision")

    request = message("CheckRequest")()
    request.caller.agent, request.caller.actor = agent, actor
    request.call.server, request.call.tool, request.call.arguments_json = server, tool, arguments
    check = channel.unary_unary(
        "/cedarpost.v1.DecisionService/Check",
        request_serializer=lambda sent: sent.SerializeToString(),
        response_deserializer=message("CheckResponse").FromString,
    )
    try:
        answer = check(request, timeout=5)
    except grpc.RpcError as error:
        print(f"no decision: {error.code().name}: {error.details()}")
        for field in bad_fields(error):
            print(f"  {field.field}: {field.description}")
        return 2
    # Whatever is not known is a denial.
    known = decision.values_by_number.get(answer.decision)
    name = known.name if known else "DECISION_DENY"
    print(name, answer.decision_id, answer.message)
    for judgement in answer.judgements:
        print(f"  {judgement.principal}: {judgement.cause}", *[f"({policy.id} at {policy.file}:{policy.line})" for policy in judgement.policies])
    return 0 if name == "DECISION_ALLOW" else 1


def bad_fields(error):
    """The fields that are wrong, from the details of the error."""
    status, bad = rpc_status.from_call(error), error_details_pb2.BadRequest()
    details = status.details if status else []
    return [field for detail in details if detail.Unpack(bad) for field in bad.field_violations]


if __name__ == "__main__":
    if not 6 <= len(sys.argv) <= 7:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
