"""The Celery application, the paths and the WSGI application of the old design."""
import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')
app = Celery('gateway')
app.config_from_object('django.conf:settings', namespace='CELERY')
app.autodiscover_tasks(['bulk'])


@worker_ready.connect
def say_ready(**_):
    print('the worker is ready', flush=True)


from django.core.wsgi import get_wsgi_application  # noqa: E402

wsgi = get_wsgi_application()

from bulk.views import BulkTransfers, BulkTransferStatus  # noqa: E402
from django.urls import path  # noqa: E402

urlpatterns = [
    path('api/bulk-transfers', BulkTransfers.as_view()),
    path('api/bulk-transfers/<str:bulk_id>/status', BulkTransferStatus.as_view()),
]
