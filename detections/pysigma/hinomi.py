"""What sigma-cli finds: installed as ``sigma.pipelines.hinomi``, beside the pipelines of other packages.

pySigma looks into the namespace package ``sigma.pipelines`` and takes functions that return a pipeline; the name is the
function's without ``_pipeline``.
"""

from sigma.processing.pipeline import ProcessingPipeline

__all__ = ["hinomi_ecs_pipeline"]


def hinomi_ecs_pipeline() -> ProcessingPipeline:
    """Return the pipeline `hinomi_ecs`."""
    from hinomi.detections.pipeline import hinomi_ecs_pipeline as make

    return make()
