"""Every model of a project's files, under one name; see the modules that they come from."""

from bff.declarations.cache_models import CacheDecl, FieldsDecl
from bff.declarations.composition_models import CompositionFile, ShapeViewDecl, ViewDecl
from bff.declarations.gateway_models import CorsDecl, GatewayDefaults, GatewayFile, RouteDecl
from bff.declarations.param_models import ItemsDecl, OperationParamDecl, ParamDecl
from bff.declarations.service_models import OperationDecl, ServiceFile
from bff.declarations.step_models import BatchDecl, FallbackDecl, ForEachDecl, JoinDecl, StepDecl

__all__ = [
    "BatchDecl",
    "CacheDecl",
    "CompositionFile",
    "CorsDecl",
    "FallbackDecl",
    "FieldsDecl",
    "ForEachDecl",
    "GatewayDefaults",
    "GatewayFile",
    "ItemsDecl",
    "JoinDecl",
    "OperationDecl",
    "OperationParamDecl",
    "ParamDecl",
    "RouteDecl",
    "ServiceFile",
    "ShapeViewDecl",
    "StepDecl",
    "ViewDecl",
]
